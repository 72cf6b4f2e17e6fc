"""What the files that deploy an application say: the processes they start, the proxies in front of them."""
