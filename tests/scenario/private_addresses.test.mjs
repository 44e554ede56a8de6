// A tenant chooses the base_url, so the host watches where requests go: no private address unless the operator allowed
// it, and no redirect out of what is allowed.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';

import { FakeProvider, acme, connect, lastSync, startSync, syncEnd } from './support.mjs';

async function testOf(host, key, base_url) {
  const answer = await host.api('POST', '/v1/integrations',
    { key, body: { provider: 'example', name: base_url, config: { base_url }, credentials: { token: 'a-token-1234' } } });
  // Refused at once is as good as refused at the first request.
  if (answer.status !== 201) return { ok: false, detail: answer.body.detail };
  const { body } = await host.api('POST', `/v1/integrations/${answer.body.id}/test`, { key });
  return body;
}

test('private and loopback addresses in every spelling are refused unless the operator lists them', async (t) => {
  const provider = await FakeProvider.start({ count: 1 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t);
  for (const name of ['127.0.0.1', 'localhost', '127.1', '0177.0.0.1', '2130706433', '0x7f000001', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0']) {
    const result = await testOf(host, key, `http://${name}:${provider.port}`);
    assert.equal(result.ok, false, name);
    assert.match(result.detail, /private|allow|not allowed|loopback|address/i, name);
  }
  assert.equal(provider.requests.length, 0, 'no request arrived');
});

test('an address that the operator lists is reached, with that port only', async (t) => {
  const provider = await FakeProvider.start({ count: 1 });
  const other = await FakeProvider.start({ count: 1 });
  t.after(() => provider.stop());
  t.after(() => other.stop());
  const { host, key } = await acme(t, { provider });
  assert.equal((await testOf(host, key, provider.url)).ok, false, 'a wrong token');
  assert.equal(provider.requests.length, 1);
  assert.equal((await testOf(host, key, other.url)).ok, false);
  assert.equal(other.requests.length, 0);
});

test('a redirect to a host that is not allowed is not followed, and takes no token along', async (t) => {
  const provider = await FakeProvider.start({ count: 3 });
  t.after(() => provider.stop());
  const reached = [];
  const elsewhere = http.createServer((request, response) => {
    reached.push(request.headers);
    response.end('{"items":[],"next":null}');
  });
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  t.after(() => elsewhere.close());
  const port = elsewhere.address().port;
  // The operator allows the address; the integration's host is still another one.
  const { host, key } = await acme(t, { env: {
    TOMADA_HTTP_ALLOW_PRIVATE: `127.0.0.1,localhost`, TOMADA_JOBS_ATTEMPTS_MAX: '1' } });
  const id = await connect(host, key, provider);
  provider.when = () => ({ status: 302, headers: { location: `http://localhost:${port}/items` }, body: '' });
  await startSync(host, key, id);
  assert.equal((await syncEnd(host, key, id)).status, 'failed');
  assert.match((await lastSync(host, key, id)).error.code, /forbidden|invalid_data|permanent/);
  assert.equal(reached.length, 0);

  // To the same host it is followed.
  provider.when = (request, index) =>
    (request.query.get('again') || request.path !== '/items' ? undefined
      : { status: 302, headers: { location: `${provider.url}/items?again=1` }, body: '' });
  await startSync(host, key, id);
  assert.equal((await syncEnd(host, key, id)).status, 'completed');
});
