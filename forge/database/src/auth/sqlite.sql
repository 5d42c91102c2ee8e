CREATE TABLE IF NOT EXISTS "auth.users" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "aud" TEXT NOT NULL DEFAULT 'authenticated',
  "role" TEXT NOT NULL DEFAULT 'authenticated',
  "email" TEXT,
  "phone" TEXT,
  "encrypted_password" TEXT,
  "email_confirmed_at" TEXT,
  "phone_confirmed_at" TEXT,
  "invited_at" TEXT,
  "confirmation_sent_at" TEXT,
  "recovery_sent_at" TEXT,
  "reauthentication_sent_at" TEXT,
  "email_change" TEXT,
  "email_change_sent_at" TEXT,
  "email_change_accepted" INTEGER NOT NULL DEFAULT 0,
  "last_sign_in_at" TEXT,
  "raw_app_meta_data" TEXT NOT NULL DEFAULT '{}' CHECK (json_valid("raw_app_meta_data")),
  "raw_user_meta_data" TEXT NOT NULL DEFAULT '{}' CHECK (json_valid("raw_user_meta_data")),
  "is_anonymous" INTEGER NOT NULL DEFAULT 0 CHECK ("is_anonymous" IN (0, 1)),
  "banned_until" TEXT,
  "deleted_at" TEXT,
  "created_at" TEXT NOT NULL,
  "updated_at" TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS "auth.users_email" ON "auth.users" ("email");
CREATE UNIQUE INDEX IF NOT EXISTS "auth.users_phone" ON "auth.users" ("phone");
CREATE INDEX IF NOT EXISTS "auth.users_created_at" ON "auth.users" ("created_at", "id");
CREATE TABLE IF NOT EXISTS "auth.identities" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "provider" TEXT NOT NULL,
  "provider_id" TEXT NOT NULL,
  "identity_data" TEXT NOT NULL CHECK (json_valid("identity_data")),
  "email" TEXT,
  "last_sign_in_at" TEXT,
  "created_at" TEXT NOT NULL,
  "updated_at" TEXT NOT NULL,
  UNIQUE ("provider", "provider_id")
);
CREATE INDEX IF NOT EXISTS "auth.identities_user_id" ON "auth.identities" ("user_id");
CREATE TABLE IF NOT EXISTS "auth.sessions" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "refresh_counter" INTEGER NOT NULL DEFAULT 0,
  "refreshed_at" TEXT,
  "aal" TEXT NOT NULL DEFAULT 'aal1',
  "factor_id" TEXT,
  "amr" TEXT NOT NULL CHECK (json_valid("amr")),
  "not_after" TEXT,
  "user_agent" TEXT,
  "ip" TEXT,
  "created_at" TEXT NOT NULL,
  "updated_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.sessions_user_id" ON "auth.sessions" ("user_id");
CREATE TABLE IF NOT EXISTS "auth.one_time_tokens" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "kind" TEXT NOT NULL,
  "token_hash" TEXT NOT NULL UNIQUE,
  "code_hash" TEXT NOT NULL,
  "relates_to" TEXT NOT NULL,
  "code_challenge" TEXT,
  "code_challenge_method" TEXT,
  "redirect_to" TEXT,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "created_at" TEXT NOT NULL,
  "expires_at" TEXT NOT NULL,
  UNIQUE ("user_id", "kind")
);
CREATE TABLE IF NOT EXISTS "auth.flow_state" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "link_user_id" TEXT REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "state_hash" TEXT UNIQUE,
  "auth_code_hash" TEXT UNIQUE,
  "code_challenge" TEXT,
  "code_challenge_method" TEXT,
  "provider" TEXT NOT NULL,
  "authentication_method" TEXT NOT NULL,
  "secrets" TEXT,
  "redirect_to" TEXT,
  "created_at" TEXT NOT NULL,
  "expires_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.flow_state_expires_at" ON "auth.flow_state" ("expires_at");
CREATE TABLE IF NOT EXISTS "auth.device_flows" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "device_code_hash" TEXT NOT NULL UNIQUE,
  "provider" TEXT NOT NULL,
  "secrets" TEXT NOT NULL,
  "interval_seconds" INTEGER NOT NULL,
  "polled_at" TEXT,
  "created_at" TEXT NOT NULL,
  "expires_at" TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS "auth.mfa_factors" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "friendly_name" TEXT,
  "factor_type" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "secret" TEXT,
  "phone" TEXT,
  "credential" TEXT,
  "last_step" INTEGER NOT NULL DEFAULT 0,
  "failures" INTEGER NOT NULL DEFAULT 0,
  "failed_at" TEXT,
  "last_challenged_at" TEXT,
  "created_at" TEXT NOT NULL,
  "updated_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.mfa_factors_user_id" ON "auth.mfa_factors" ("user_id");
CREATE TABLE IF NOT EXISTS "auth.mfa_challenges" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "factor_id" TEXT NOT NULL REFERENCES "auth.mfa_factors" ("id") ON DELETE CASCADE,
  "state" TEXT,
  "ip" TEXT,
  "verified_at" TEXT,
  "created_at" TEXT NOT NULL,
  "expires_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.mfa_challenges_factor_id" ON "auth.mfa_challenges" ("factor_id");
CREATE TABLE IF NOT EXISTS "auth.webauthn_credentials" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "credential_id" TEXT NOT NULL UNIQUE,
  "friendly_name" TEXT,
  "credential" TEXT NOT NULL,
  "sign_count" INTEGER NOT NULL DEFAULT 0,
  "last_used_at" TEXT,
  "created_at" TEXT NOT NULL,
  "updated_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.webauthn_credentials_user_id" ON "auth.webauthn_credentials" ("user_id");
CREATE TABLE IF NOT EXISTS "auth.webauthn_challenges" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT REFERENCES "auth.users" ("id") ON DELETE CASCADE,
  "kind" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "created_at" TEXT NOT NULL,
  "expires_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.webauthn_challenges_expires_at" ON "auth.webauthn_challenges" ("expires_at");
CREATE TABLE IF NOT EXISTS "auth.grants" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "subject_kind" TEXT NOT NULL CHECK ("subject_kind" IN ('role', 'user')),
  "subject" TEXT NOT NULL,
  "resource" TEXT NOT NULL,
  "access" TEXT NOT NULL CHECK ("access" IN ('read', 'write', 'control', '*')),
  "created_at" TEXT NOT NULL,
  UNIQUE ("subject_kind", "subject", "resource", "access")
);
CREATE TABLE IF NOT EXISTS "auth.audit_log_entries" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "payload" TEXT NOT NULL CHECK (json_valid("payload")),
  "ip_address" TEXT NOT NULL DEFAULT '',
  "created_at" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth.audit_log_entries_created_at" ON "auth.audit_log_entries" ("created_at", "id");
