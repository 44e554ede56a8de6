// A sender that nobody wrote a plugin for: how it signs is said in the configuration of the plugin webhook.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { test } from 'node:test';

import { Host, allRecords, tenant, until } from './support.mjs';

async function connected(t, config, webhook_secret) {
  const host = await Host.start();
  t.after(() => host.close());
  const key = await tenant(host, 'acme', ['webhook']);
  const create = (given) => host.api('POST', '/v1/integrations', { key,
    body: { provider: 'webhook', name: 'a sender', config: given, credentials: { webhook_secret } } });
  const { status, body } = await create(config);
  assert.equal(status, 201, JSON.stringify(body));
  const send = (text, headers) => host.api('POST', `/webhooks/${body.id}`, { body: text, headers });
  return { host, key, id: body.id, create, send };
}

const hmac = (algorithm, secret, text, encoding) => crypto.createHmac(algorithm, secret).update(text).digest(encoding);

test('with no configuration the header X-Signature holds the HMAC of the body', async (t) => {
  const { host, key, id, send } = await connected(t, {}, 'a secret');
  const body = '{"type":"lamp.lit","big":12345678901234567890}';
  const signed = { 'X-Signature': hmac('sha256', 'a secret', body, 'hex') };
  const first = await send(body, signed);
  assert.equal(first.status, 200);
  assert.equal((await send(body, signed)).body.id, first.body.id, 'the same request is the same event');
  assert.equal((await send(`${body} `, signed)).status, 401);
  assert.equal((await send(body)).status, 401);
  const [record] = await until('the record', async () => {
    const records = await allRecords(host, key, id);
    return records.length > 0 ? records : undefined;
  });
  assert.equal(record.data.type, 'lamp.lit');
  assert.equal(record.version, 1);
  assert.equal((await allRecords(host, key, id)).length, 1);
});

test('a signature over time and body, with a name and a limit of their own', async (t) => {
  const { host, key, id, send } = await connected(t, {
    header: 'X-Sender', prefix: 'v0=', signed: 'v0:{timestamp}:{body}', timestamp_header: 'X-Time', tolerance_s: 60,
    event_id: '{json:id}', event_type: '{header:X-Kind}', algorithm: 'hmac-sha512', encoding: 'base64', secret_encoding: 'hex',
  }, '616263');
  const now = Math.floor(Date.now() / 1000);
  const at = (time, name) => {
    const body = JSON.stringify({ id: name });
    return send(body, { 'X-Time': time, 'X-Kind': 'a.kind', 'X-Sender': `v0=${hmac('sha512', 'abc', `v0:${time}:${body}`, 'base64')}` });
  };
  assert.equal((await at(now, 'one')).status, 200);
  assert.equal((await at(now - 50, 'two')).status, 200);
  assert.equal((await at(now - 90, 'late')).status, 401);
  assert.equal((await at(now + 90, 'early')).status, 401);
  const records = await until('the records', async () => {
    const found = await allRecords(host, key, id);
    return found.length === 2 ? found : undefined;
  });
  assert.deepEqual(records.map((record) => [record.external_id, record.data.type]).sort(), [['one', 'a.kind'], ['two', 'a.kind']]);
});

test('a configuration that would let anybody in is refused, and a sync says that there is nothing to fetch', async (t) => {
  const { host, key, id, create } = await connected(t, { preset: 'github' }, 'a secret');
  const open = await create({ signed: 'always the same' });
  assert.equal(open.status, 422);
  assert.match(JSON.stringify(open.body), /must contain \{body\}/);
  assert.equal((await create({ event_id: '{nonsense:x}' })).status, 422);
  const unsigned = await create({ timestamp_header: 'X-Time' });
  const tried = await host.api('POST', `/v1/integrations/${unsigned.body.id}/test`, { key, body: {} });
  assert.equal(tried.body.ok, false);
  assert.match(tried.body.detail, /config\.signed must contain \{timestamp\}/);
  await host.api('POST', `/v1/integrations/${id}/sync`, { key, body: {} });
  const end = await until('the sync to end', async () => {
    const { body } = await host.api('GET', `/v1/integrations/${id}/sync/status`, { key });
    return body.sync?.error ? body.sync : undefined;
  });
  assert.equal(end.error.code, 'unsupported');
  assert.match(end.error.message, /nothing to fetch/);
});
