"""How connections go from one process to the next: what is said of them (`message`), and by which way (`mailbox`)."""
