CREATE TABLE IF NOT EXISTS auth.users (
  id uuid PRIMARY KEY NOT NULL,
  aud text NOT NULL DEFAULT 'authenticated',
  role text NOT NULL DEFAULT 'authenticated',
  email text,
  phone text,
  encrypted_password text,
  email_confirmed_at timestamptz,
  phone_confirmed_at timestamptz,
  invited_at timestamptz,
  confirmation_sent_at timestamptz,
  recovery_sent_at timestamptz,
  reauthentication_sent_at timestamptz,
  email_change text,
  email_change_sent_at timestamptz,
  email_change_accepted integer NOT NULL DEFAULT 0,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb NOT NULL DEFAULT '{}',
  raw_user_meta_data jsonb NOT NULL DEFAULT '{}',
  is_anonymous boolean NOT NULL DEFAULT false,
  banned_until timestamptz,
  deleted_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS users_email ON auth.users (email);
CREATE UNIQUE INDEX IF NOT EXISTS users_phone ON auth.users (phone);
CREATE INDEX IF NOT EXISTS users_created_at ON auth.users (created_at, id);
CREATE TABLE IF NOT EXISTS auth.identities (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  provider text NOT NULL,
  provider_id text NOT NULL,
  identity_data jsonb NOT NULL,
  email text,
  last_sign_in_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (provider, provider_id)
);
CREATE INDEX IF NOT EXISTS identities_user_id ON auth.identities (user_id);
CREATE TABLE IF NOT EXISTS auth.sessions (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  refresh_counter bigint NOT NULL DEFAULT 0,
  refreshed_at timestamptz,
  aal text NOT NULL DEFAULT 'aal1',
  factor_id uuid,
  amr jsonb NOT NULL,
  not_after timestamptz,
  user_agent text,
  ip text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_user_id ON auth.sessions (user_id);
CREATE TABLE IF NOT EXISTS auth.one_time_tokens (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  kind text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  code_hash text NOT NULL,
  relates_to text NOT NULL,
  code_challenge text,
  code_challenge_method text,
  redirect_to text,
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  UNIQUE (user_id, kind)
);
CREATE TABLE IF NOT EXISTS auth.flow_state (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid REFERENCES auth.users (id) ON DELETE CASCADE,
  link_user_id uuid REFERENCES auth.users (id) ON DELETE CASCADE,
  state_hash text UNIQUE,
  auth_code_hash text UNIQUE,
  code_challenge text,
  code_challenge_method text,
  provider text NOT NULL,
  authentication_method text NOT NULL,
  secrets text,
  redirect_to text,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS flow_state_expires_at ON auth.flow_state (expires_at);
CREATE TABLE IF NOT EXISTS auth.device_flows (
  id uuid PRIMARY KEY NOT NULL,
  device_code_hash text NOT NULL UNIQUE,
  provider text NOT NULL,
  secrets text NOT NULL,
  interval_seconds integer NOT NULL,
  polled_at timestamptz,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS auth.mfa_factors (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  friendly_name text,
  factor_type text NOT NULL,
  status text NOT NULL,
  secret text,
  phone text,
  credential text,
  last_step bigint NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  failed_at timestamptz,
  last_challenged_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS mfa_factors_user_id ON auth.mfa_factors (user_id);
CREATE TABLE IF NOT EXISTS auth.mfa_challenges (
  id uuid PRIMARY KEY NOT NULL,
  factor_id uuid NOT NULL REFERENCES auth.mfa_factors (id) ON DELETE CASCADE,
  state text,
  ip text,
  verified_at timestamptz,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS mfa_challenges_factor_id ON auth.mfa_challenges (factor_id);
CREATE TABLE IF NOT EXISTS auth.webauthn_credentials (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  credential_id text NOT NULL UNIQUE,
  friendly_name text,
  credential text NOT NULL,
  sign_count bigint NOT NULL DEFAULT 0,
  last_used_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS webauthn_credentials_user_id ON auth.webauthn_credentials (user_id);
CREATE TABLE IF NOT EXISTS auth.webauthn_challenges (
  id uuid PRIMARY KEY NOT NULL,
  user_id uuid REFERENCES auth.users (id) ON DELETE CASCADE,
  kind text NOT NULL,
  state text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS webauthn_challenges_expires_at ON auth.webauthn_challenges (expires_at);
CREATE TABLE IF NOT EXISTS auth.grants (
  id uuid PRIMARY KEY NOT NULL,
  subject_kind text NOT NULL CHECK (subject_kind IN ('role', 'user')),
  subject text NOT NULL,
  resource text NOT NULL,
  access text NOT NULL CHECK (access IN ('read', 'write', 'control', '*')),
  created_at timestamptz NOT NULL,
  UNIQUE (subject_kind, subject, resource, access)
);
CREATE TABLE IF NOT EXISTS auth.audit_log_entries (
  id uuid PRIMARY KEY NOT NULL,
  payload jsonb NOT NULL,
  ip_address text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_log_entries_created_at ON auth.audit_log_entries (created_at, id);
