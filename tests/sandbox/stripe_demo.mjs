// The demo's second half: 5,000 Stripe objects by a sync, then changes by webhook, shown while the records follow.
import { isDeepStrictEqual } from 'node:util';

import { allRecords, until } from '../support/host.mjs';
import { StripeSandbox, counts5000, kinds } from './stripe_server.mjs';

const CHANGES = 20;
const BETWEEN_CHANGES_MS = 150;  // slow enough to watch
const SECONDS_TO_TAKE_EFFECT = 30;
const webhook_secret = 'whsec_demo_signing_secret';
const total = Object.values(counts5000).reduce((sum, count) => sum + count, 0);

export const startStripe = () => StripeSandbox.start();

// What the object is now, and what its record says.
function isInStep(sandbox, { object: { object: kind, id } }, record) {
  const object = sandbox.objects(kind).get(id);
  if (object === undefined) return record?.deleted === true;
  const { client_secret, ...kept } = object;
  return record !== undefined && !record.deleted && isDeepStrictEqual(record.data, kept);
}

async function compare({ host, check, sandbox, key, integration }) {
  const records = await allRecords(host, key, integration);
  const byId = new Map(records.map((record) => [record.external_id, record]));
  check('each id appears once', byId.size === records.length);
  for (const kind of Object.keys(kinds)) {
    const live = records.filter((record) => record.entity === kind && !record.deleted).length;
    check(`as many live records of ${kind} as objects`, live === sandbox.objects(kind).size, `${live}`);
    for (const object of sandbox.objects(kind).values())
      check(`${object.id} has the sandbox's content`, isInStep(sandbox, { object }, byId.get(object.id)));
  }
  return records.length;
}

// Twenty changes of all sorts, no two of one object: functions that make one each.
function changes(sandbox) {
  const used = new Set();
  const one = (kind, fits = () => true) => {
    const chosen = [...sandbox.objects(kind).values()].find((object) => !used.has(object.id) && fits(object));
    used.add(chosen.id);
    return chosen;
  };
  const round = [
    () => sandbox.create('customer'),
    () => sandbox.update(one('customer'), { email: 'new.address@example.com' }),
    () => sandbox.update(one('payment_intent'), { status: 'succeeded' }),
    () => sandbox.update(one('invoice', ({ status }) => status === 'open'), { status: 'paid', paid: true }, 'invoice.paid'),
    () => sandbox.cancel(one('subscription', ({ status }) => status === 'active')),
    () => sandbox.update(one('charge'), { refunded: true }, 'charge.refunded'),
    () => sandbox.remove(one('customer')),
    () => sandbox.update(one('product'), { active: false }),
    () => sandbox.create('price'),
    () => sandbox.remove(one('invoice', ({ status }) => status === 'draft')),
  ];
  return Array.from({ length: CHANGES }, (_, index) => round[index % round.length]);
}

// Follows the integration's records in the order of their changes, from where it was.
class Feed {
  constructor(host, key, integration) {
    Object.assign(this, { host, key, integration, cursor: '', seen: new Map() });
  }

  async read() {
    for (;;) {
      const { body } = await this.host.api('GET',
        `/v1/integrations/${this.integration}/records?limit=1000${this.cursor && `&cursor=${this.cursor}`}`, { key: this.key });
      for (const record of body.records) this.seen.set(record.external_id, record);
      if (body.next_cursor === null) return;
      this.cursor = body.next_cursor;
    }
  }
}

const ms = (from) => `${Math.round(performance.now() - from)} ms`;

// Each change is an event at the sandbox, POSTed to the host; a line when the change is in the records.
async function watch({ sandbox, sender, feed, check, show }) {
  for (const make of changes(sandbox)) {
    const start = performance.now();
    make();
    const [event] = [...sandbox.objects('event').values()].slice(-1);
    await sender.drained();
    const delivery = sender.deliveries.at(-1);
    check(`the webhook ${event.id} is accepted`, delivery.status === 200, `${delivery.status} ${delivery.body}`);
    const accepted = ms(start);
    await until(`${event.type} to take effect`, async () => {
      await feed.read();
      return feed.seen.has(event.id) && isInStep(sandbox, event.data, feed.seen.get(event.data.object.id)) ? true : undefined;
    }, { seconds: SECONDS_TO_TAKE_EFFECT, every_ms: 5 });
    const record = feed.seen.get(event.data.object.id);
    const effect = record.deleted ? 'deleted' : `version ${record.version}`;
    show(`  ${event.type.padEnd(30)} ${event.data.object.id.padEnd(28)} accepted ${accepted.padStart(6)}   ${effect.padEnd(9)} after ${ms(start).padStart(6)}`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHANGES_MS));
  }
}

export async function stripeDemo({ host, key, sandbox, step, sync, check, expect, show }) {
  let integration;
  await step('Stripe connected', async () => {
    await host.cliOk('plugin', 'allow', 'stripe', '--tenant', 'demo', '--yes');
    const body = {
      provider: 'stripe', name: 'demo account', config: { base_url: sandbox.url },
      credentials: { api_key: sandbox.api_key, webhook_secret },
    };
    integration = expect(await host.api('POST', '/v1/integrations', { key, body }), 201, 'the integration is created').id;
    const test = expect(await host.api('POST', `/v1/integrations/${integration}/test`, { key }), 200, 'the test runs');
    check('the connection works', test.ok === true, JSON.stringify(test));
    return `a sandbox with ${total} objects; test answered in ${test.latency_ms} ms`;
  });
  await step('Stripe, full sync', async (report) => {
    await sync(key, integration, report);
    const count = await compare({ host, check, sandbox, key, integration });
    check('all objects are records', count === total, `${count}`);
    return `${count} records, equal to the sandbox's objects`;
  });
  await step('Stripe, webhooks', async () => {
    const sender = sandbox.deliverTo(`${host.url}/webhooks/${integration}`, { secret: webhook_secret });
    const feed = new Feed(host, key, integration);
    await feed.read();
    await watch({ sandbox, sender, feed, check, show });
    await compare({ host, check, sandbox, key, integration });
    const events = [...feed.seen.values()].filter(({ entity }) => entity === 'event').length;
    check('each event is a record', events === CHANGES, `${events}`);
    return `${CHANGES} changes, each of them in the records`;
  });
  return integration;
}
