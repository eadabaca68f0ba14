-- What an activation of listed hashes was used for is one row: all its signatures, in the order of the document, written
-- once and never changed. A row for each hash said nothing more: which hashes were approved stands in the document, under
-- its MAC; all of them are signed at once or none is; and that nothing was signed yet is that there is no row. So nobody
-- updates anything here, and the right to is gone.
CREATE TABLE sam.signatures (
    activation text        PRIMARY KEY, -- of sam.activations, from which the statement that writes it takes the id
    signatures bytea[]     NOT NULL,
    signed_at  timestamptz NOT NULL
);
ALTER TABLE sam.signatures ALTER COLUMN signatures SET STORAGE EXTERNAL; -- nothing in them can be compressed
INSERT INTO sam.signatures (activation, signatures, signed_at)
SELECT activation, array_agg(signature ORDER BY ordinal), max(signed_at) FROM sam.occurrences
GROUP BY activation HAVING bool_and(state = 'signed');
DROP TABLE sam.occurrences;
GRANT SELECT, INSERT ON sam.signatures TO linkid_sam;
