"""The rules: what each looks at, and the code of each in a file of its own."""
