// What the Stripe stories share: the sandbox, a host that may reach it, and the comparison of both sides.
import assert from 'node:assert/strict';

import { StripeSandbox } from '../sandbox/stripe_server.mjs';
import { Host, allRecords, startSync, syncEnd, tenant } from './support.mjs';

export const webhook_secret = 'whsec_the_sandbox_signs_with_this';
export const small = {
  customer: 230, product: 40, price: 60, subscription: 90, invoice: 110, payment_intent: 105, charge: 105, refund: 50,
};

// A sandbox, and a host with one integration of the tenant `acme` that reads it (at `base_url`, when given).
export async function stripeStory(t, { counts = small, base_url = (sandbox) => sandbox.url, env = {}, credentials = {}, config = {}, accounts } = {}) {
  const sandbox = await StripeSandbox.start({ counts, accounts });
  t.after(() => sandbox.stop());
  const url = await base_url(sandbox);
  const host = await Host.start({ env: { TOMADA_HTTP_ALLOW_PRIVATE: new URL(url).host, ...env } });
  t.after(() => host.close());
  const key = await tenant(host, 'acme', ['stripe']);
  const body = {
    provider: 'stripe', name: 'the sandbox', config: { base_url: url, ...config },
    credentials: { api_key: sandbox.api_key, webhook_secret, ...credentials },
  };
  const answer = await host.api('POST', '/v1/integrations', { key, body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  const integration = answer.body.id;
  const sync = async (mode) => {
    await startSync(host, key, integration, mode);
    return syncEnd(host, key, integration);
  };
  return { sandbox, host, key, integration, sync, records: () => recordsByKind({ host, key, integration }) };
}

// kind -> id -> record
export async function recordsByKind({ host, key, integration }) {
  const byKind = {};
  for (const record of await allRecords(host, key, integration)) {
    const kind = (byKind[record.entity] ??= new Map());
    assert.ok(!kind.has(record.external_id), `${record.external_id} stands once in the change order`);
    kind.set(record.external_id, record);
  }
  return byKind;
}

const withoutSecret = ({ client_secret, ...object }) => object;

// Every object of the sandbox is a live record of the same content, and there is no other live one.
export function assertSame(sandbox, byKind, kinds) {
  for (const kind of kinds) {
    const records = byKind[kind] ?? new Map();
    const live = [...records.values()].filter((record) => !record.deleted);
    assert.deepEqual(live.map(({ external_id }) => external_id).sort(), [...sandbox.objects(kind).keys()].sort(), kind);
    for (const [id, object] of sandbox.objects(kind)) assert.deepEqual(records.get(id).data, withoutSecret(object), id);
  }
}
