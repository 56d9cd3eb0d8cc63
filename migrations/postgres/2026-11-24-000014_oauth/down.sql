DROP TABLE dpop_proofs;
DROP TABLE revoked_tokens;
