// The same plugins in the host's process and in a worker: the same requests, records and errors.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { S3, credentials } from '../sandbox/s3.mjs';
import { stripeStory } from './stripe_support.mjs';
import { FakeProvider, Host, allRecords, connect, lastSync, startSync, syncEnd, temporaryFolder, tenant } from './support.mjs';

const isolations = ['in_process', 'worker'];

// What may differ between two runs: times and ids that the host makes.
const told = ({ entity, external_id, version, deleted, data }) => ({ entity, external_id, version, deleted, data });
const ended = ({ status, error, records_processed, records_changed, records_deleted, records_failed, retry_count }) =>
  ({ status, error, records_processed, records_changed, records_deleted, records_failed, retry_count });

async function compare(t, tell) {
  const transcripts = [];
  for (const isolation of isolations) {
    await t.test(isolation, async (inner) => { transcripts.push(await tell(inner, { TOMADA_PLUGINS_ISOLATION: isolation })); });
  }
  assert.ok(transcripts[0].length > 10, 'something was told');
  assert.ok(transcripts[0].some(({ error }) => error?.message), 'errors as well');
  assert.deepEqual(transcripts[1], transcripts[0]);
}

test('aws-s3 tells the same both ways', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const s3 = await S3.start(folder, 'papers');
  t.after(() => s3.stop());
  for (let i = 0; i < 1100; ++i) await s3.put(`bulk/${String(i).padStart(4, '0')}.txt`, `paper ${i}`);

  await compare(t, async (inner, env) => {
    const host = await Host.start({ env: { TOMADA_HTTP_ALLOW_PRIVATE: s3.address, ...env } });
    inner.after(() => host.close());
    const key = await tenant(host, 'acme', ['aws-s3']);
    const transcript = [];
    for (const [bucket, secret] of [['papers', credentials.secret_access_key], ['papers', 'wrong-secret-0123456789'], ['nowhere', credentials.secret_access_key]]) {
      const body = {
        provider: 'aws-s3', name: bucket, config: { bucket, region: 'us-east-1', endpoint: s3.url, path_style: true },
        credentials: { ...credentials, secret_access_key: secret },
      };
      const { body: { id } } = await host.api('POST', '/v1/integrations', { key, body });
      const tested = await host.api('POST', `/v1/integrations/${id}/test`, { key });
      transcript.push({ ok: tested.body.ok, detail: tested.body.detail });
      await startSync(host, key, id);
      await syncEnd(host, key, id);
      transcript.push(ended(await lastSync(host, key, id)));
      transcript.push(...(await allRecords(host, key, id)).map(told));
    }
    return transcript;
  });
});

test('stripe tells the same both ways: lists, events, refusals', async (t) => {
  await compare(t, async (inner, env) => {
    const { sandbox, host, key, integration, sync, records } = await stripeStory(inner, { counts: { customer: 130, product: 20 }, env });
    sandbox.now = () => Math.floor(Date.UTC(2026, 0, 1) / 1000);
    const transcript = [];
    const requests = () => sandbox.requests.splice(0).map(({ method, path, query }) => `${method} ${path} ${query}`);
    await host.api('POST', `/v1/integrations/${integration}/test`, { key });
    await sync('full');
    transcript.push(...requests(), ended(await lastSync(host, key, integration)));
    for (const byId of Object.values(await records())) transcript.push(...[...byId.values()].map(({ entity, external_id, version, deleted }) => ({ entity, external_id, version, deleted })));
    sandbox.api_key = 'another';
    await sync('incremental');
    transcript.push(...requests(), ended(await lastSync(host, key, integration)));
    return transcript;
  });
});

test('the example tells the same both ways: pages, a cut, a limit', async (t) => {
  await compare(t, async (inner, env) => {
    const provider = await FakeProvider.start({ count: 230 });
    inner.after(() => provider.stop());
    const host = await Host.start({ env: { TOMADA_HTTP_ALLOW_PRIVATE: provider.address, ...env } });
    inner.after(() => host.close());
    const key = await tenant(host, 'acme');
    const id = await connect(host, key, provider);
    const transcript = [];
    for (const special of [() => undefined, (seen, index) => (index === 7 ? 'hang up' : undefined), () => ({ status: 403, body: { error: 'no' } })]) {
      provider.when = special;
      await startSync(host, key, id);
      await syncEnd(host, key, id);
      transcript.push(ended(await lastSync(host, key, id)));
      transcript.push(...provider.requests.splice(0).map(({ method, path, query }) => `${method} ${path} ${query}`));
    }
    transcript.push(...(await allRecords(host, key, id)).map(told));
    return transcript;
  });
});
