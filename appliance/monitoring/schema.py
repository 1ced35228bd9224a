"""The database's tables, and how an older database becomes a newer one."""

from __future__ import annotations

import sqlite3
from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY COLLATE NOCASE,
        role TEXT NOT NULL,
        permissions TEXT,            -- JSON list for a custom role, NULL for a default one
        agent_ids TEXT NOT NULL,     -- JSON: platform name → list of agent ids
        password TEXT NOT NULL,      -- argon2id, PHC string (RFC 9106)
        must_change INTEGER NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE tokens (
        hash TEXT PRIMARY KEY,       -- SHA-256 of the token, which is random
        account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        label TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        handle TEXT NOT NULL,
        platform TEXT NOT NULL,
        supervisor TEXT NOT NULL,
        interaction_id TEXT NOT NULL,
        interaction TEXT NOT NULL,   -- JSON
        started_at TEXT NOT NULL,
        ended_at TEXT,
        end_reason TEXT,
        end_detail TEXT,
        quality TEXT                 -- JSON, the last measurement
    ) STRICT;
    CREATE INDEX sessions_by_start ON sessions (started_at);
    CREATE INDEX sessions_running ON sessions (id) WHERE ended_at IS NULL;

    CREATE TABLE barges (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        audience TEXT NOT NULL
    ) STRICT;
    CREATE INDEX barges_by_session ON barges (session_id);

    CREATE TABLE open_legs (
        handle TEXT PRIMARY KEY,
        platform TEXT NOT NULL,
        session_id TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        session_id TEXT,
        interaction_id TEXT,
        detail TEXT NOT NULL,        -- canonical JSON
        hash TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
        BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
    """,
    """
    ALTER TABLE sessions ADD COLUMN mos REAL;                -- mean of the seconds
    ALTER TABLE sessions ADD COLUMN mos_worst REAL;
    ALTER TABLE sessions ADD COLUMN lost_percent REAL;
    ALTER TABLE sessions ADD COLUMN concealed_percent REAL;
    ALTER TABLE sessions ADD COLUMN delay_ms REAL;           -- mean, from mouth to ear
    -- Of former sessions the counts of packets are known, and nothing else.
    UPDATE sessions SET lost_percent = round (
        100.0 * json_extract (quality, '$.lost')
        / (json_extract (quality, '$.lost') + json_extract (quality, '$.received')), 2
    ) WHERE json_valid (quality);
    """,
    """
    CREATE TABLE roles (
        name TEXT PRIMARY KEY COLLATE NOCASE,
        permissions TEXT NOT NULL,   -- JSON list
        created_at TEXT NOT NULL
    ) STRICT;
    ALTER TABLE accounts ADD COLUMN stamp TEXT NOT NULL DEFAULT '';
    ALTER TABLE accounts ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE accounts ADD COLUMN last_sign_in_at TEXT;
    -- An account with permissions of its own gets a role of its own.
    INSERT INTO roles SELECT 'Role of ' || name, permissions, created_at FROM accounts
        WHERE permissions IS NOT NULL;
    UPDATE accounts SET role = 'Role of ' || name WHERE permissions IS NOT NULL;
    ALTER TABLE accounts DROP COLUMN permissions;

    CREATE TABLE api_tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hash TEXT NOT NULL UNIQUE,   -- SHA-256 of the token, which is random
        account TEXT NOT NULL COLLATE NOCASE REFERENCES accounts (name) ON DELETE CASCADE,
        label TEXT NOT NULL,
        permissions TEXT,            -- JSON list, NULL for all that the account has
        created_at TEXT NOT NULL,
        expires_at TEXT,
        last_used_at TEXT
    ) STRICT;
    INSERT INTO api_tokens (hash, account, label, created_at)
        SELECT hash, account, label, created_at FROM tokens;
    DROP TABLE tokens;
    ALTER TABLE api_tokens RENAME TO tokens;
    CREATE INDEX tokens_by_account ON tokens (account);
    """,
    """
    -- Loudness and MOS over the time of a session, as `Curve.to_bytes` writes them; no sound.
    CREATE TABLE curves (
        session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
        step_s INTEGER NOT NULL,
        points BLOB NOT NULL
    ) STRICT;
    """,
    """
    -- What ended sessions are searched, filtered and sorted by, apart from their long texts: a look
    -- through all of them reads this alone. Text is case-folded unless its column says otherwise.
    CREATE TABLE session_list (
        started_at TEXT NOT NULL,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        supervisor_as_written TEXT NOT NULL,
        interaction_id_as_written TEXT NOT NULL,
        supervisor TEXT NOT NULL,
        agent TEXT NOT NULL,         -- the first one's name
        agents TEXT NOT NULL,        -- names and ids, each in a line of its own
        customer TEXT NOT NULL,
        queue TEXT NOT NULL,
        flow TEXT NOT NULL,
        direction TEXT NOT NULL,
        end_reason TEXT NOT NULL,
        length_s REAL NOT NULL,
        barges INTEGER NOT NULL,     -- how many
        barged_s REAL NOT NULL,      -- all of them together
        mos REAL,
        words TEXT NOT NULL,         -- what a search looks through
        PRIMARY KEY (started_at, session_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_list_by_session ON session_list (session_id);
    CREATE INDEX session_list_by_interaction ON session_list (interaction_id_as_written);
    INSERT INTO session_list SELECT
        started_at, id, supervisor, interaction_id, casefold (supervisor),
        casefold (ifnull (json_extract (interaction, '$.agents[0].name'), '')),
        casefold (char (10) || ifnull ((SELECT group_concat (
            json_extract (value, '$.name') || char (10) || json_extract (value, '$.id'), char (10)
        ) FROM json_each (interaction, '$.agents')) || char (10), '')),
        casefold (ifnull (json_extract (interaction, '$.customer'), '')),
        casefold (ifnull (json_extract (interaction, '$.queue'), '')),
        casefold (ifnull (json_extract (interaction, '$.flow'), '')),
        ifnull (json_extract (interaction, '$.direction'), ''),
        ifnull (end_reason, ''),
        round ((julianday (ended_at) - julianday (started_at)) * 86400, 3),
        (SELECT count (*) FROM barges WHERE session_id = sessions.id),
        (SELECT round (ifnull (sum (julianday (barges.ended_at) - julianday (barges.started_at)), 0)
            * 86400, 3) FROM barges WHERE session_id = sessions.id),
        mos,
        casefold (supervisor || char (10) || interaction_id || char (10)
            || ifnull (json_extract (interaction, '$.customer'), '') || char (10)
            || ifnull (json_extract (interaction, '$.contact_point'), '') || char (10)
            || ifnull (json_extract (interaction, '$.queue'), '') || char (10)
            || ifnull (json_extract (interaction, '$.flow'), '') || ifnull ((SELECT group_concat (
                char (10) || json_extract (value, '$.name') || ' ' || json_extract (value, '$.id'),
                '') FROM json_each (interaction, '$.agents')), ''))
        FROM sessions WHERE ended_at IS NOT NULL AND json_valid (interaction);
    """,
    """
    CREATE TABLE watches (
        account TEXT NOT NULL COLLATE NOCASE
            REFERENCES accounts (name) ON DELETE CASCADE ON UPDATE CASCADE,
        platform TEXT NOT NULL,
        kind TEXT NOT NULL,          -- agent, queue
        target TEXT NOT NULL,        -- the agent's id, the queue's name
        name TEXT NOT NULL,          -- for people
        created_at TEXT NOT NULL,
        PRIMARY KEY (account, platform, kind, target)
    ) STRICT;
    """,
    """
    ALTER TABLE sessions ADD COLUMN reason TEXT NOT NULL DEFAULT '';  -- why it was monitored
    """,
    """
    -- Only what a signed head says was cut, because of its age, may go.
    DROP TRIGGER audit_is_never_cut;
    CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
        WHEN OLD.seq > coalesce (
            (SELECT json_extract (value, '$.audit_head.cut') FROM kv WHERE key = 'audit_head'), 0
        )
        BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
    -- INSERT OR REPLACE asks neither of the other two.
    CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
        BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
    CREATE INDEX audit_by_session ON audit (session_id) WHERE session_id IS NOT NULL;
    CREATE INDEX audit_by_interaction ON audit (interaction_id) WHERE interaction_id IS NOT NULL;
    """,
    """
    -- Empty on a box that needs no first start, as one that was in service before there was any.
    CREATE TABLE first_start (
        step TEXT PRIMARY KEY,       -- or in_service, once it is
        state TEXT NOT NULL,         -- open, done, aside
        words TEXT NOT NULL,         -- what was verified
        who TEXT NOT NULL,
        at TEXT                      -- NULL while it is open
    ) STRICT;
    """,
    """
    -- People of the site's identity provider: no password, bound to issuer and subject, and more
    -- than one role where several of their groups give one.
    ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'local';  -- local, openid
    ALTER TABLE accounts ADD COLUMN issuer TEXT;
    ALTER TABLE accounts ADD COLUMN subject TEXT;
    ALTER TABLE accounts ADD COLUMN more_roles TEXT NOT NULL DEFAULT '[]';  -- JSON list
    CREATE UNIQUE INDEX accounts_by_subject ON accounts (issuer, subject)
        WHERE issuer IS NOT NULL;
    """,
)
"""Step *n* leads from ``user_version`` *n* to *n* + 1. Steps are added, never edited."""


class NewerDatabaseError(Exception):
    """The database was written by newer software."""


def migrate(database: sqlite3.Connection) -> None:
    """Bring *database* to the newest version. Raises `NewerDatabaseError` and ``sqlite3.Error``."""
    database.create_function("casefold", 1, str.casefold, deterministic=True)
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise NewerDatabaseError
    for step, script in enumerate(MIGRATIONS[version:], version + 1):
        try:
            database.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {step}; COMMIT"
            )
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
