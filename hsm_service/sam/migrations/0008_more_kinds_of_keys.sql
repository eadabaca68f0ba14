-- RSA with more bits, and P-384: what protocol/algorithms.py knows.
ALTER TABLE sam.credentials DROP CONSTRAINT credentials_key_algorithm_check;
ALTER TABLE sam.credentials ADD CONSTRAINT credentials_key_algorithm_check
    CHECK (key_algorithm IN ('RSA-2048', 'RSA-3072', 'RSA-4096', 'P-256', 'P-384'));
