"""Messages that vendors post to us: `POST /hooks/NAME`. A new vendor is one mapping file; `ready/` holds those that are shipped."""
