#include "host/store/postgres/schema_scripts.hpp"

namespace tomada::store::postgres {

/* What is known of plugins. A pin is a tenant's, with the same policy as all that is; the rest has no tenant: the host sees
 * it, a tenant's transaction sees nothing of it. */
const char k_plugins[] = R"sql(
CREATE TABLE integrations.plugin_versions (
  plugin_id text NOT NULL,
  sha256 text NOT NULL,
  version text NOT NULL,
  installed_at_ms bigint NOT NULL,
  PRIMARY KEY (plugin_id, sha256)
);

CREATE TABLE integrations.plugin_choices (
  plugin_id text PRIMARY KEY,
  sha256 text NOT NULL,
  previous_sha256 text NOT NULL DEFAULT '',
  chosen_at_ms bigint NOT NULL
);

CREATE TABLE integrations.plugin_pins (
  plugin_id text NOT NULL,
  tenant_id uuid NOT NULL REFERENCES integrations.tenants ON DELETE CASCADE,
  version text NOT NULL,
  PRIMARY KEY (plugin_id, tenant_id)
);
CREATE INDEX plugin_pins_by_tenant ON integrations.plugin_pins (tenant_id);

CREATE TABLE integrations.plugin_quarantines (
  plugin_id text PRIMARY KEY,
  version text NOT NULL,
  reason text NOT NULL,
  signal integer NOT NULL,
  last_service text NOT NULL,
  since_ms bigint NOT NULL
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['plugin_versions', 'plugin_choices', 'plugin_pins', 'plugin_quarantines']
  LOOP
    EXECUTE format('ALTER TABLE integrations.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE integrations.%I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['plugin_versions', 'plugin_choices', 'plugin_quarantines']
  LOOP
    EXECUTE format('CREATE POLICY of_host ON integrations.%I USING ((SELECT integrations.is_host()))', name);
  END LOOP;
END $$;
CREATE POLICY of_tenant ON integrations.plugin_pins USING ((SELECT integrations.is_host())
  OR tenant_id = (SELECT integrations.current_tenant()))
)sql";

/* What was approved with an allowed plugin. Without a text: allowed before there was one (plugin::Registry fills it in). */
const char k_approvals[] = R"sql(
ALTER TABLE integrations.allowed_plugins
  ADD COLUMN capabilities text,
  ADD COLUMN approved_by text NOT NULL DEFAULT '',
  ADD COLUMN approved_at timestamptz
)sql";

}  // namespace tomada::store::postgres
