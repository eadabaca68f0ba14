-- No query changes where a holder is reached. With the right to, a gateway gone bad could move the letters that warn them.

REVOKE UPDATE (phone, email) ON credentials.holders FROM linkid_gateway;
