// What the stories about lost events share: a host that counts events, and what must hold at their end.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { Host, allRecords, temporaryFolder, tenant, until } from './support.mjs';

export const SECRET = 'the-sender-knows-it';
// The plugin that counts, and the library that slows flushes down, are built beside this suite.
export const tools = process.env.TOMADA_TEST_TOOLS ?? path.resolve(path.dirname(process.env.TOMADA_BIN ?? 'build/dev/bin/tomada'), '../tests/scenario');

// A host with an integration that counts events; all of it is closed by close().
export async function start({ data_dir, env = {} } = {}) {
  const plugin_dir = temporaryFolder();
  fs.copyFileSync(path.join(tools, 'event_counter.so'), path.join(plugin_dir, 'event_counter.so'));
  // After a kill the next host must not wait long for what the dead one had in hand.
  const host = new Host({ data_dir, plugin_dir, env: { TOMADA_JOBS_LEASE_MS: '5000', ...env } });
  const close = async () => {
    try {
      await host.close();
    } finally {
      fs.rmSync(plugin_dir, { recursive: true });
    }
  };
  try {
    await host.launch();
    const key = await tenant(host, 'acme', ['event-counter']);
    const answer = await host.api('POST', '/v1/integrations', { key,
      body: { provider: 'event-counter', name: 'counts', config: {}, credentials: { webhook_secret: SECRET } } });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return { host, key, id: answer.body.id, plugin_dir, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function allEvents(host, key, id) {
  const events = [];
  for (let cursor = ''; cursor !== undefined;) {
    const { status, body } = await host.api('GET', `/v1/integrations/${id}/webhooks/logs?limit=1000${cursor && `&cursor=${cursor}`}`, { key });
    assert.equal(status, 200, JSON.stringify(body));
    events.push(...body.logs);
    cursor = body.next_cursor ?? undefined;
  }
  return events;
}

async function worked_off(host, key, id, seconds) {
  await until('every event to be worked off', async () => {
    for (const status of ['pending', 'processing']) {
      const { body } = await host.api('GET', `/v1/integrations/${id}/webhooks/logs?status=${status}&limit=1`, { key });
      if (body.logs.length > 0) return undefined;
    }
    return true;
  }, { seconds, every_ms: 100 });
}

// What must hold, whatever happened.
export async function check(t, { host, key, id }, sender, { seconds = 120 } = {}) {
  await worked_off(host, key, id, seconds);
  const events = await allEvents(host, key, id);
  const records = await allRecords(host, key, id);
  t.diagnostic(`${sender.acknowledged.size} of ${sender.sent} events acknowledged, ${sender.resent} sent again, ` +
    `${events.length} stored; answers ${JSON.stringify(sender.statuses)}`);
  assert.deepEqual(sender.wrong, [], 'every answer was 200 or 503, and an event kept its name');

  const stored = new Map(events.map((event) => [event.event_id, event]));
  assert.equal(stored.size, events.length, 'no event is stored twice');
  for (const [event_id, name] of sender.acknowledged) assert.equal(stored.get(event_id)?.id, name, `${event_id} was acknowledged`);
  for (const event_id of stored.keys()) assert.ok(sender.offered.has(event_id), `${event_id} was sent`);
  assert.deepEqual(events.filter(({ status }) => status !== 'completed'), [], 'all of them worked off');

  const effects = new Map(records.map((record) => [record.external_id, record]));
  assert.equal(effects.size, records.length, 'each id stands once in the change order');
  assert.deepEqual([...effects.keys()].sort(), [...stored.keys()].sort(), 'an effect for each stored event, and no other');
  const counts = new Map();
  for (const { external_id, version, data } of records) {
    assert.equal(version, 1, `${external_id} took effect once`);
    counts.set(data.subject, [...(counts.get(data.subject) ?? []), data.count]);
  }
  for (const [subject, numbers] of counts)
    assert.deepEqual(numbers.sort((a, b) => a - b), numbers.map((_, i) => i + 1), `${subject}: each event was counted once`);
}
