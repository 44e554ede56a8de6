// An operator drops a plugin in, allows it, connects a bucket and reads its objects as records.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { S3, credentials } from '../sandbox/s3.mjs';
import { Host, allRecords, startSync, syncEnd, temporaryFolder, tenant } from './support.mjs';

test('a tenant connects a bucket of a real S3 server and its objects become records', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const s3 = await S3.start(folder, 'papers');
  t.after(() => s3.stop());
  // More than one page of 1,000, and keys that a careless signature or XML reader gets wrong.
  for (let i = 0; i < 1100; ++i) await s3.put(`bulk/${String(i).padStart(4, '0')}.txt`, `paper ${i}`);
  const odd = ['a b.txt', 'ação.txt', 'plus+plus.txt', "quote'(1)!*.txt", 'x&y<z>.txt', '100%.txt', 'tilde~.txt', '日本.txt'];
  for (const name of odd) await s3.put(`odd/${name}`, name);

  const host = await Host.start({ env: { TOMADA_HTTP_ALLOW_PRIVATE: s3.address } });
  t.after(() => host.close());
  const key = await tenant(host, 'acme', ['aws-s3']);

  const { body: catalogue } = await host.api('GET', '/v1/plugins', { key });
  assert.match(JSON.stringify(catalogue), /"aws-s3"/);

  const config = { bucket: 'papers', region: 'us-east-1', endpoint: s3.url, path_style: true };
  const created = await host.api('POST', '/v1/integrations',
    { key, body: { provider: 'aws-s3', name: 'papers', config, credentials } });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const { id } = created.body;

  const checked = await host.api('POST', `/v1/integrations/${id}/test`, { key });
  assert.equal(checked.status, 200);
  assert.equal(checked.body.ok, true, JSON.stringify(checked.body));
  assert.equal(typeof checked.body.latency_ms, 'number');

  await startSync(host, key, id);
  const end = await syncEnd(host, key, id);
  assert.equal(end.status, 'completed');

  const listing = await s3.list();
  const records = await allRecords(host, key, id, { limit: 100 });
  assert.equal(listing.size, 1100 + odd.length);
  assert.deepEqual(records.map((record) => record.external_id).sort(), [...listing.keys()].sort());
  for (const record of records) {
    assert.equal(record.version, 1);
    assert.equal(record.deleted, false);
    assert.equal(Number(record.data.size), listing.get(record.external_id).size);
  }

  // The provider's own id stands for the only integration of it.
  const { body: status } = await host.api('GET', '/v1/integrations/aws-s3/status', { key });
  assert.equal(status.status, 'connected');
  assert.deepEqual(status.progress, { current: listing.size, total: listing.size, percentage: 100 });
  const { body: list } = await host.api('GET', '/v1/integrations', { key });
  assert.equal(list.integrations.length, 1);
  for (const field of ['id', 'name', 'status', 'lastSync', 'health']) assert.ok(list.integrations[0][field], field);
  assert.equal(list.integrations[0].health, 'healthy');
});

test('a wrong secret is refused by the server and said in words, without the secret', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const s3 = await S3.start(folder, 'papers');
  t.after(() => s3.stop());
  const host = await Host.start({ env: { TOMADA_HTTP_ALLOW_PRIVATE: s3.address } });
  t.after(() => host.close());
  const key = await tenant(host, 'acme', ['aws-s3']);
  const secret = 'not-the-secret-0123456789';
  const connected = await host.api('POST', '/v1/integrations', {
    key,
    body: {
      provider: 'aws-s3', name: 'papers', credentials: { access_key_id: 'S3RVER', secret_access_key: secret },
      config: { bucket: 'papers', region: 'us-east-1', endpoint: s3.url, path_style: true },
    },
  });
  assert.equal(connected.status, 201, JSON.stringify(connected.body));
  const { body } = await host.api('POST', `/v1/integrations/${connected.body.id}/test`, { key });
  assert.equal(body.ok, false);
  assert.match(body.detail, /SignatureDoesNotMatch|signature|secret|credentials/i);
  await startSync(host, key, connected.body.id);
  assert.equal((await syncEnd(host, key, connected.body.id)).status, 'failed');
  assert.ok(!JSON.stringify(body).includes(secret));
  assert.ok(!host.log.includes(secret), 'the log shows no secret');
});
