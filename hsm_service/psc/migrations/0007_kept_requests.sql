-- What one-use tokens keep of their requests (whole PDFs) is counted for each application, and emptied at the token's end.
CREATE INDEX tokens_that_keep ON psc.tokens (client)
    WHERE use_digest IS NOT NULL AND opened IS NULL AND sealed <> '';
