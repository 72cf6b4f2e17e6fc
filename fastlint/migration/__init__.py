"""Makes whole chains of calls asynchronous: from the route through its helpers down to the library."""
