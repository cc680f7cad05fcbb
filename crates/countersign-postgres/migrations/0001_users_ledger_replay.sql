-- Everything is in the schema `countersign`, beside the host's own tables. Instants are
-- milliseconds since the Unix epoch. Hashes are 32 bytes. Texts compare and sort byte for byte
-- (collation "C"), because identifiers do.

CREATE SCHEMA countersign;

-- The files of this folder that were applied, each once and in order.
CREATE TABLE countersign.migrations (
    number integer NOT NULL PRIMARY KEY CHECK (number > 0),
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- What every change is made of. ---------------------------------------------------------------
--
-- Functions are in PL/pgSQL, whose sessions keep their plans. One in SQL that can not be inlined is
-- parsed and planned in each statement that calls it, be it by an index or a generated column.

-- Ends the transaction unless what was expected holds: CS001 means read again and decide again,
-- CS002 that it is never allowed, CS003 that somebody else does it. Whoever overlooks the error can
-- not commit a half of a change, because PostgreSQL refuses everything more in such a transaction.
CREATE FUNCTION countersign.require(holds boolean, otherwise text, code text DEFAULT 'CS001')
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = code, MESSAGE = otherwise;
    END IF;
END
$$;

-- The trigger of what is never changed.
CREATE FUNCTION countersign.refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = TG_ARGV[0];
END
$$;

-- Locks that last until the end of the transaction, each by a name. They keep apart what no row
-- stands for: a seat that is free, an address that nobody has, a role's last holder. Taken in one
-- order, so that two changes do not wait for each other.
CREATE FUNCTION countersign.lock(names text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    key bigint;
BEGIN
    FOR key IN
        SELECT DISTINCT hashtextextended('countersign/' || name, 0) FROM unnest(names) AS name
            ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(key);
    END LOOP;
END
$$;

-- The same, for any number of holders at once.
CREATE FUNCTION countersign.lock_shared(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('countersign/' || name, 0));
END
$$;

-- What an index holds of texts that together may be longer than its rows, which have room for some
-- 2,700 bytes: a hash over their hashes, so that no two lists of texts run into one. Whoever asks
-- by it compares the texts, too.
CREATE FUNCTION countersign.key_of(one text, two text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(sha256(convert_to(one, 'UTF8')) || sha256(convert_to(two, 'UTF8')));
END
$$;

CREATE FUNCTION countersign.key_of(one text, two text, three text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(sha256(convert_to(one, 'UTF8')) || sha256(convert_to(two, 'UTF8'))
        || sha256(convert_to(three, 'UTF8')));
END
$$;

-- Accounts. -----------------------------------------------------------------------------------

CREATE TABLE countersign.users (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    state text NOT NULL
        CHECK (state IN ('invited', 'active', 'stale', 'pending_approval', 'suspended',
            'deprovisioned', 'erased')),
    state_since bigint NOT NULL,
    state_entry bytea CHECK (octet_length(state_entry) = 32),
    hold bytea CHECK (octet_length(hold) = 32),
    email text COLLATE "C",
    email_verified_locally boolean NOT NULL,
    given_name text,
    family_name text,
    display_name text,
    account_id text,
    permission_profile_id text,
    created_at bigint NOT NULL,
    last_sign_in_at bigint,
    entry bytea CHECK (octet_length(entry) = 32),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);

CREATE INDEX users_by_email ON countersign.users (tenant, email) WHERE email IS NOT NULL;

-- How many accounts of a tenant take a seat: counted as they change, because counting them at
-- each sign-in would cost more with every account. In parts, the sum of which is the number: a row
-- is held by a change until the disk has its commit, so each takes one that nobody holds, and there
-- are about as many as there ever were changes at once. Nobody waits for anybody here.
CREATE TABLE countersign.seats (
    tenant text COLLATE "C" NOT NULL,
    -- Drawn, from so many that no two changes at once draw the same.
    part bigint NOT NULL,
    taken bigint NOT NULL,
    PRIMARY KEY (tenant, part)
) WITH (fillfactor = 50);

CREATE FUNCTION countersign.takes_a_seat(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT state NOT IN ('deprovisioned', 'erased');
$$;

CREATE FUNCTION countersign.count_seats() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    of_tenant constant text := coalesce(NEW.tenant, OLD.tenant);
    change bigint := 0;
    free bigint;
BEGIN
    IF TG_OP <> 'DELETE' AND countersign.takes_a_seat(NEW.state) THEN
        change := change + 1;
    END IF;
    IF TG_OP <> 'INSERT' AND countersign.takes_a_seat(OLD.state) THEN
        change := change - 1;
    END IF;
    IF change = 0 THEN
        RETURN NULL;
    END IF;
    SELECT part INTO free FROM countersign.seats WHERE tenant = of_tenant
        ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE countersign.seats SET taken = taken + change
            WHERE tenant = of_tenant AND part = free;
    ELSE
        INSERT INTO countersign.seats AS seats (tenant, part, taken)
            VALUES (of_tenant, floor(random() * 9007199254740992)::bigint, change)
            ON CONFLICT (tenant, part) DO UPDATE SET taken = seats.taken + change;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_count AFTER INSERT OR DELETE OR UPDATE OF state ON countersign.users
    FOR EACH ROW EXECUTE FUNCTION countersign.count_seats();

CREATE FUNCTION countersign.seats_taken(of_tenant text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(sum(taken), 0)::bigint FROM countersign.seats
        WHERE tenant = of_tenant);
END
$$;

-- Sees to it that no more seats are taken at once than there are. Far from the cap, any number of
-- changes pass together: each of them takes at most eight seats, and there are at most
-- `max_connections` that have looked and not committed. Near it they come one after the other.
-- What is taken before the change is noted for `check_seats`.
CREATE FUNCTION countersign.lock_seats(of_tenant text, cap bigint, wanted bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name constant text := 'seats' || chr(10) || of_tenant;
    -- What those who have looked and not committed may take.
    margin constant bigint := 8 * (current_setting('max_connections')::bigint + 1);
    is_near boolean := false;
    seated bigint;
BEGIN
    IF wanted > 0 THEN
        is_near := wanted > 8 OR countersign.seats_taken(of_tenant) + margin > cap;
        IF is_near THEN
            PERFORM countersign.lock(ARRAY[name]);
        ELSE
            PERFORM countersign.lock_shared(name);
        END IF;
    END IF;
    -- Each statement sees what is committed by now.
    seated := countersign.seats_taken(of_tenant);
    IF wanted > 0 AND NOT is_near THEN
        -- Whoever waited starts again.
        PERFORM countersign.require(seated + margin <= cap, 'seats were taken meanwhile');
    END IF;
    PERFORM set_config('countersign.seated', seated::text, true);
END
$$;

-- After the accounts are written: whether as many seats are taken as may be.
CREATE FUNCTION countersign.check_seats(of_tenant text, cap bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM countersign.require(
        countersign.seats_taken(of_tenant)
            <= greatest(cap, current_setting('countersign.seated')::bigint),
        'every seat is taken');
END
$$;

-- Whether nobody else of the tenant who takes a seat has one of these addresses. One account after
-- the other, so that each look is the same small plan by an index, whatever their number.
CREATE FUNCTION countersign.check_emails(of_tenant text, ids text[], emails text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        PERFORM countersign.require(NOT EXISTS (
            SELECT FROM countersign.users AS u
                WHERE u.tenant = of_tenant AND u.email = emails[i] COLLATE "C"
                    AND u.id <> ids[i] COLLATE "C" AND countersign.takes_a_seat(u.state)
        ), 'the e-mail address is taken');
    END LOOP;
END
$$;

-- Whether none of these accounts is erased; nobody erases one before the change is committed.
CREATE FUNCTION countersign.check_owners(tenants text[], ids text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    owner_state text;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        SELECT u.state INTO owner_state FROM countersign.users AS u
            WHERE u.tenant = tenants[i] COLLATE "C" AND u.id = ids[i] COLLATE "C"
            FOR SHARE;
        PERFORM countersign.require(coalesce(owner_state <> 'erased', true),
            'the account is erased');
    END LOOP;
END
$$;

-- The primary key is the promise that one subject has one account.
CREATE TABLE countersign.links (
    tenant text COLLATE "C" NOT NULL,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    linked_at bigint NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    key bytea NOT NULL PRIMARY KEY
        GENERATED ALWAYS AS (countersign.key_of(tenant, issuer, subject)) STORED,
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX links_by_user ON countersign.links (tenant, user_id);

CREATE TABLE countersign.grants (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (owner IN ('jit', 'default', 'manual', 'temporary', 'scim',
        'barred')),
    owner_connection text COLLATE "C"
        CHECK ((owner_connection IS NULL) = (owner NOT IN ('jit', 'default'))),
    rule text COLLATE "C",
    policy_hash bytea NOT NULL CHECK (octet_length(policy_hash) = 32),
    first_given_at bigint NOT NULL,
    granted_at bigint NOT NULL,
    expires_at bigint,
    -- Patterns of document types; empty for all that the role allows.
    scope text[] NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX grants_by_user ON countersign.grants (tenant, user_id);

-- Whether a role has a holder left.
CREATE INDEX grants_by_role ON countersign.grants (countersign.key_of(tenant, role), user_id);

-- The first two accounts that are in use and have a live grant of a role.
CREATE FUNCTION countersign.holders(of_tenant text, of_role text, at bigint) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT grants.user_id FROM countersign.grants
            JOIN countersign.users ON users.tenant = grants.tenant AND users.id = grants.user_id
            WHERE countersign.key_of(grants.tenant, grants.role)
                    = countersign.key_of(of_tenant, of_role)
                AND grants.tenant = of_tenant AND grants.role = of_role
                AND coalesce(grants.expires_at > at, true)
                AND users.state IN ('active', 'stale')
            ORDER BY grants.user_id LIMIT 2
    );
END
$$;

-- Consents to electronic records that were not withdrawn.
CREATE TABLE countersign.consents (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    -- Patterns of document types.
    scope text[] NOT NULL,
    disclosure_sha256 bytea NOT NULL CHECK (octet_length(disclosure_sha256) = 32),
    disclosure_version text NOT NULL,
    given_at bigint NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX consents_by_user ON countersign.consents (tenant, user_id);

CREATE TABLE countersign.sessions (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    door text NOT NULL CHECK (door IN ('saml', 'email')),
    authn_context text,
    authn_instant bigint,
    opened_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    session_index text COLLATE "C",
    correlation text COLLATE "C" NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    closed_at bigint,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX sessions_by_user ON countersign.sessions (tenant, user_id);

-- Only those that a logout can still end.
CREATE INDEX sessions_by_index ON countersign.sessions (countersign.key_of(tenant, session_index))
    WHERE closed_at IS NULL AND session_index IS NOT NULL;

-- A connection that is not here is enabled and has epoch 0.
CREATE TABLE countersign.connections (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    enabled boolean NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    PRIMARY KEY (tenant, id)
);

-- Whether the connection is as it was read; nobody changes it before the change is committed.
CREATE FUNCTION countersign.expect_connection(name text, of_tenant text, of_id text, of_epoch bigint)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM countersign.lock_shared(name);
    PERFORM countersign.require(coalesce((
        SELECT enabled AND epoch = of_epoch FROM countersign.connections
            WHERE tenant = of_tenant AND id = of_id
    ), of_epoch = 0), 'the connection has changed');
END
$$;

-- The latest `policy.changed` entry of a tenant.
CREATE TABLE countersign.policies (
    tenant text COLLATE "C" NOT NULL PRIMARY KEY,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32)
);

-- One-time entries that were used up: invitations, proofs of an address. A leaf hash is one
-- entry's, whichever tenant it belongs to.
CREATE TABLE countersign.spent (
    leaf bytea NOT NULL PRIMARY KEY CHECK (octet_length(leaf) = 32),
    tenant text COLLATE "C" NOT NULL
);

-- What was accepted once. ---------------------------------------------------------------------

CREATE TABLE countersign.replay (
    issuer text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    key bytea NOT NULL PRIMARY KEY GENERATED ALWAYS AS (countersign.key_of(issuer, id)) STORED
);

CREATE INDEX replay_by_expiry ON countersign.replay (expires_at);

-- The ledger. ---------------------------------------------------------------------------------

-- Every entry. Its number is drawn when it is added and says nothing about its place in the
-- tree; there are gaps, where a transaction was rolled back. What an entry rests on was committed
-- before the entry was made, so it has a smaller number.
CREATE TABLE countersign.entries (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    leaf bytea NOT NULL UNIQUE CHECK (octet_length(leaf) = 32),
    bytes bytea NOT NULL
);

-- Which of them are no leaves yet. A row comes and goes with triggers, and in no other way.
CREATE TABLE countersign.outbox (
    number bigint NOT NULL PRIMARY KEY
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);

CREATE TRIGGER outbox_empties_itself BEFORE INSERT OR UPDATE OR DELETE ON countersign.outbox
    WHEN (pg_trigger_depth() < 1)
    EXECUTE FUNCTION countersign.refuse('the outbox is filled and emptied by triggers alone');

CREATE TRIGGER outbox_stays BEFORE TRUNCATE ON countersign.outbox
    EXECUTE FUNCTION countersign.refuse('the outbox is filled and emptied by triggers alone');

CREATE FUNCTION countersign.entries_wait() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO countersign.outbox (number) SELECT number FROM added;
    RETURN NULL;
END
$$;

CREATE TRIGGER entries_wait AFTER INSERT ON countersign.entries
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.entries_wait();

CREATE TRIGGER entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.entries
    EXECUTE FUNCTION countersign.refuse('entries are never changed or deleted');

-- The leaves of the tree, each at its position. Only the integrator gives positions, from what is
-- committed when it looks.
CREATE TABLE countersign.leaves (
    position bigint NOT NULL PRIMARY KEY CHECK (position >= 0),
    number bigint NOT NULL UNIQUE REFERENCES countersign.entries (number)
);

CREATE FUNCTION countersign.leaves_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    first bigint;
    last bigint;
    count bigint;
    waited bigint;
BEGIN
    SELECT min(added.position), max(added.position), count(*) INTO first, last, count FROM added;
    IF count = 0 THEN
        RETURN NULL;
    END IF;
    IF last - first + 1 <> count OR first <> (
        SELECT coalesce(max(leaves.position) + 1, 0) FROM countersign.leaves
            WHERE leaves.position < first
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = 'leaves are added at the end';
    END IF;
    DELETE FROM countersign.outbox USING added WHERE outbox.number = added.number;
    GET DIAGNOSTICS waited = ROW_COUNT;
    PERFORM countersign.require(waited = count, 'the entries are not the first of the outbox');
    RETURN NULL;
END
$$;

CREATE TRIGGER leaves_follow AFTER INSERT ON countersign.leaves
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.leaves_follow();

CREATE TRIGGER leaves_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.leaves
    EXECUTE FUNCTION countersign.refuse('leaves are never changed or deleted');

-- What entries leave out: personal values and raw bytes, in the clear or encrypted with a vault
-- key. A table of its own, because they are erased while the entry stays for ever: those of one
-- owner together, an account or a walk that no account is known of.
CREATE TABLE countersign.private (
    number bigint NOT NULL PRIMARY KEY REFERENCES countersign.entries (number),
    tenant text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (owner IN ('account', 'walk')),
    owner_id text COLLATE "C" NOT NULL,
    filed_at bigint NOT NULL,
    key_id text COLLATE "C",
    bytes bytea NOT NULL
);

CREATE INDEX private_by_owner ON countersign.private (tenant, owner, owner_id, filed_at);

-- What private parts are encrypted with, wrapped by the host's key.
CREATE TABLE countersign.vault_keys (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (owner IN ('account', 'walk')),
    owner_id text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    wrapped_by text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL
);

CREATE INDEX vault_keys_by_owner ON countersign.vault_keys (tenant, owner, owner_id, made_at);

CREATE INDEX vault_keys_by_wrapping_key ON countersign.vault_keys (wrapped_by, id);

-- Has rows from an erasure until nothing of what it erased is left in any table's file: not before
-- everybody who may still read what was there, by an older snapshot, is done.
CREATE TABLE countersign.to_scrub (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- `ANALYZE` keeps samples of a column's values, which would outlive an erasure. Not of these:
-- whoever looks for one of them has an index.
ALTER TABLE countersign.users
    ALTER COLUMN email SET STATISTICS 0,
    ALTER COLUMN given_name SET STATISTICS 0,
    ALTER COLUMN family_name SET STATISTICS 0,
    ALTER COLUMN display_name SET STATISTICS 0,
    ALTER COLUMN account_id SET STATISTICS 0,
    ALTER COLUMN permission_profile_id SET STATISTICS 0,
    ALTER COLUMN last_sign_in_at SET STATISTICS 0;
ALTER TABLE countersign.links
    ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE countersign.sessions
    ALTER COLUMN authn_context SET STATISTICS 0,
    ALTER COLUMN authn_instant SET STATISTICS 0,
    ALTER COLUMN session_index SET STATISTICS 0;
ALTER TABLE countersign.private
    ALTER COLUMN bytes SET STATISTICS 0;
ALTER TABLE countersign.vault_keys
    ALTER COLUMN wrapped SET STATISTICS 0;

-- Assertions are compressed by the faster of the two methods, where the server was built with it.
DO $$
BEGIN
    ALTER TABLE countersign.private ALTER COLUMN bytes SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value THEN NULL;
END
$$;

-- The size of the tree, and the fencing epoch: whoever becomes the integrator takes the next one,
-- and who has an older one writes nothing more.
CREATE TABLE countersign.tree (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size bigint NOT NULL CHECK (size >= 0),
    epoch bigint NOT NULL CHECK (epoch >= 0)
) WITH (fillfactor = 50);

INSERT INTO countersign.tree (only_row, size, epoch) VALUES (0, 0, 0);

CREATE TRIGGER tree_never_shrinks BEFORE UPDATE ON countersign.tree
    FOR EACH ROW WHEN (NEW.size < OLD.size OR NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION countersign.refuse('the tree never shrinks');

CREATE TRIGGER tree_stays BEFORE DELETE OR TRUNCATE ON countersign.tree
    EXECUTE FUNCTION countersign.refuse('the tree is never deleted');

CREATE TABLE countersign.nodes (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 63),
    position bigint NOT NULL CHECK (position >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, position)
);

CREATE TRIGGER nodes_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.nodes
    EXECUTE FUNCTION countersign.refuse('nodes are never changed or deleted');

CREATE TABLE countersign.checkpoint (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size bigint NOT NULL CHECK (size >= 0),
    note bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER checkpoint_never_goes_back BEFORE UPDATE ON countersign.checkpoint
    FOR EACH ROW WHEN (NEW.size < OLD.size)
    EXECUTE FUNCTION countersign.refuse('the checkpoint never goes back');

CREATE TRIGGER checkpoint_stays BEFORE DELETE OR TRUNCATE ON countersign.checkpoint
    EXECUTE FUNCTION countersign.refuse('the checkpoint is never deleted');

-- Checkpoints that a time-stamp was taken of: a note, and the tokens about it.
CREATE TABLE countersign.anchors (
    size bigint NOT NULL PRIMARY KEY CHECK (size >= 0),
    note bytea NOT NULL
);

CREATE TRIGGER anchors_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.anchors
    EXECUTE FUNCTION countersign.refuse('anchors are never changed or deleted');

-- The oldest token of an anchor is number 0; each later one renews those before it.
CREATE TABLE countersign.anchor_tokens (
    size bigint NOT NULL REFERENCES countersign.anchors (size),
    number integer NOT NULL CHECK (number >= 0),
    token bytea NOT NULL,
    PRIMARY KEY (size, number)
);

CREATE TRIGGER anchor_tokens_never_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.anchor_tokens
    EXECUTE FUNCTION countersign.refuse('time-stamps are never changed or deleted');

-- The last entry by which the ledger's key was replaced.
CREATE TABLE countersign.rotation (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    leaf bytea NOT NULL REFERENCES countersign.entries (leaf)
);

CREATE TRIGGER rotation_stays BEFORE DELETE OR TRUNCATE ON countersign.rotation
    EXECUTE FUNCTION countersign.refuse('the rotation is never deleted');

-- The key that the ledger's owner says it signs with, for people who inspect the database.
CREATE TABLE countersign.ledger_key (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    vkey text NOT NULL
);

INSERT INTO countersign.migrations (number) VALUES (1);
