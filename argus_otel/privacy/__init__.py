"""What is content, and what in it is a secret: two data files that everything private is generated from."""
