-- Numbers are given again after a failover or a restore; an identity is not (src/changes.rs, docs/revocation.md).
ALTER TABLE changes ADD COLUMN identity UUID NOT NULL DEFAULT gen_random_uuid();
