// What the API is sent by mistake or in bad faith, and the sentence it answers with (RFC 9457 problem details).
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { FakeProvider, acme, connect } from './support.mjs';

function refused(answer, status, words) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  assert.equal(answer.body.status, status);
  assert.equal(typeof answer.body.code, 'string');
  assert.match(answer.body.detail, words);
}

test('requests that make no sense', async (t) => {
  const provider = await FakeProvider.start({ count: 1 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const good = { provider: 'example', name: 'x', config: { base_url: provider.url }, credentials: { token: 'y' } };
  const post = (body, extra = {}) => host.api('POST', '/v1/integrations', { key, body, ...extra });

  await t.test('no key, a wrong key, another scheme', async () => {
    refused(await host.api('GET', '/v1/integrations'), 401, /key|authorization/i);
    refused(await host.api('GET', '/v1/integrations', { key: 'no-such-key' }), 401, /key/i);
    refused(await host.api('GET', '/v1/integrations', { headers: { authorization: `Basic ${key}` } }), 401, /key|bearer/i);
  });
  await t.test('an unknown route and a wrong method', async () => {
    refused(await host.api('GET', '/v1/nothing-here', { key }), 404, /nothing-here|route|path/i);
    const answer = await host.api('DELETE', '/v1/plugins', { key });
    refused(answer, 405, /DELETE|method/i);
    assert.match(answer.headers.allow, /GET/);
  });
  await t.test('a body that is not JSON, not an object, not complete', async () => {
    refused(await post('{"provider": '), 400, /JSON/i);
    refused(await post('[]'), 400, /object/i);
    refused(await post({ name: 'x' }), 422, /provider/);
    refused(await post(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])), 400, /UTF-8|JSON/i);
  });
  await t.test('a body over the limit', async () => {
    refused(await post({ ...good, name: 'x'.repeat(2 * 1024 * 1024) }), 413, /1048576|1 MiB|limit|large/i);
    assert.equal((await host.api('GET', '/health/live')).status, 200);
  });
  await t.test('an unknown provider, and one that the tenant may not use', async () => {
    refused(await post({ ...good, provider: 'no-such-provider' }), 422, /no-such-provider/);
    refused(await post({ ...good, provider: 'aws-s3' }), 403, /aws-s3/);
  });
  await t.test('a configuration that does not fit names the field and says why', async () => {
    refused(await post({ ...good, config: {} }), 422, /base_url/);
    refused(await post({ ...good, config: { base_url: 7 } }), 422, /base_url.*string/);
    refused(await post({ ...good, config: { base_url: provider.url, colour: 'red' } }), 422, /colour/);
    refused(await post({ ...good, credentials: {} }), 422, /token/);
  });
  await t.test('an integration that is not there', async () => {
    refused(await host.api('GET', '/v1/integrations/0190a000-0000-7000-8000-000000000000', { key }), 404, /0190a000/);
    refused(await host.api('POST', '/v1/integrations/example/sync', { key, body: { mode: 'full' } }), 404, /example/);
  });
  await t.test('a sync that does not exist, twice the same, pages out of range', async () => {
    const id = await connect(host, key, provider);
    refused(await host.api('POST', `/v1/integrations/${id}/sync`, { key, body: { mode: 'sideways' } }), 422, /full.*incremental/);
    refused(await host.api('POST', `/v1/integrations/${id}/sync`, { key, body: { type: 'moons', mode: 'full' } }), 422, /moons/);
    provider.when = () => 'silence';
    assert.equal((await host.api('POST', `/v1/integrations/${id}/sync`, { key, body: { mode: 'full' } })).status, 202);
    refused(await host.api('POST', `/v1/integrations/${id}/sync`, { key, body: { mode: 'full' } }), 409, /[0-9a-f]{8}-/);
    refused(await host.api('GET', `/v1/integrations/${id}/records?limit=0`, { key }), 400, /limit/);
    refused(await host.api('GET', `/v1/integrations/${id}/records?limit=many`, { key }), 400, /limit/);
    refused(await host.api('GET', `/v1/integrations/${id}/records?cursor=%00nonsense`, { key }), 400, /cursor/);
  });
  await t.test('bytes that are not HTTP close the connection and nothing else', async () => {
    const socket = net.connect(host.port, '127.0.0.1');
    const closed = new Promise((resolve) => { socket.on('close', resolve); socket.on('error', () => {}); });
    socket.on('data', () => {});
    socket.write('\x16\x03\x01 this is no request\r\n\r\n');
    await closed;
    assert.equal((await host.api('GET', '/health/live')).status, 200);
  });
});
