-- The host's own tables, as they have been for years. Other programs of the host read and write
-- them, and know nothing of countersign.

CREATE TABLE users (
    user_no INTEGER PRIMARY KEY AUTOINCREMENT,
    company TEXT NOT NULL,
    -- As it was typed.
    email_address TEXT,
    email_checked INTEGER NOT NULL DEFAULT 0 CHECK (email_checked IN (0, 1)),
    display_name TEXT NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    created_on TEXT NOT NULL,
    -- Nobody is ever deleted.
    removed_on TEXT,
    locale TEXT NOT NULL
);

CREATE TABLE user_roles (
    user_no INTEGER NOT NULL REFERENCES users (user_no),
    role_code TEXT NOT NULL,
    given_by TEXT NOT NULL,
    valid_until TEXT,
    PRIMARY KEY (user_no, role_code, given_by)
);
