-- An application of the Brazilian API may change its return addresses, within the hosts it has.
GRANT UPDATE (redirects) ON oauth.clients TO linkid_gateway;
