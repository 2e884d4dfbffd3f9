"""What other programs of the company ask over HTTP, with an API key: touches in, receipts in. Knows no browsers, cookies or origins."""
