// Two tenants on one host: what belongs to one is not there for the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, connect, startSync, syncEnd, tenant } from './support.mjs';

test('a key of one tenant finds nothing of another', async (t) => {
  const provider = await FakeProvider.start({ count: 5 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const other = await tenant(host, 'globex', []);
  const id = await connect(host, key, provider);
  await startSync(host, key, id);
  assert.equal((await syncEnd(host, key, id)).status, 'completed');

  assert.deepEqual((await host.api('GET', '/v1/integrations', { key: other })).body.integrations, []);
  const attempts = [
    ['GET', `/v1/integrations/${id}`], ['GET', `/v1/integrations/${id}/records`], ['GET', `/v1/integrations/${id}/status`],
    ['GET', `/v1/integrations/${id}/sync/logs`], ['POST', `/v1/integrations/${id}/test`, {}],
    ['POST', `/v1/integrations/${id}/sync`, { mode: 'full' }], ['PATCH', `/v1/integrations/${id}`, { name: 'mine' }],
    ['POST', `/v1/integrations/${id}/connect`, { credentials: { token: 'stolen' } }], ['DELETE', `/v1/integrations/${id}`],
  ];
  for (const [method, target, body] of attempts) {
    const answer = await host.api(method, target, { key: other, body });
    assert.equal(answer.status, 404, `${method} ${target}: ${JSON.stringify(answer.body)}`);
  }
  // Allowed for one, not for the other.
  const refused = await host.api('POST', '/v1/integrations',
    { key: other, body: { provider: 'example', name: 'x', config: { base_url: provider.url }, credentials: { token: 'y' } } });
  assert.equal(refused.status, 403, JSON.stringify(refused.body));

  const still = await host.api('GET', `/v1/integrations/${id}`, { key });
  assert.equal(still.status, 200);
  assert.equal(still.body.name, 'the example');
});

test('an integration is changed and removed with everything of it', async (t) => {
  const provider = await FakeProvider.start({ count: 5 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const id = await connect(host, key, provider);
  await startSync(host, key, id);
  await syncEnd(host, key, id);
  const renamed = await host.api('PATCH', `/v1/integrations/${id}`, { key, body: { name: 'renamed' } });
  assert.equal(renamed.status, 200, JSON.stringify(renamed.body));
  assert.equal((await host.api('GET', `/v1/integrations/${id}`, { key })).body.name, 'renamed');
  assert.ok([200, 204].includes((await host.api('DELETE', `/v1/integrations/${id}`, { key })).status));
  assert.equal((await host.api('GET', `/v1/integrations/${id}`, { key })).status, 404);
  assert.equal((await host.api('GET', `/v1/integrations/${id}/records`, { key })).status, 404);
});
