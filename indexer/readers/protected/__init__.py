"""Files behind a password: the passwords to try, and what each format does with them."""
