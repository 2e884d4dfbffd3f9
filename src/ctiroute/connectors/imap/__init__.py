"""A mailbox that is asked for new mail. `mail` makes a payload of a message, `mailbox` speaks IMAP, `source` joins them to a mapping."""
