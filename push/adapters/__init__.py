"""The outside: PostgreSQL's LISTEN between gateways, Twilio, SMTP, and the inbox that stands in for them."""
