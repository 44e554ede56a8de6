// A Stripe-like API on loopback: objects from a seed, lists in pages, events for every change, webhooks signed by
// Stripe's own package, and trouble on demand.
//
//   sandbox.create('customer'), .update(object, fields), .remove(object), .cancel(subscription): each makes its event
//   sandbox.when = (request, index) => undefined | { trouble: 'rate limit' | 'error' | 'slow' | 'malformed' | 'drop', … }
//   sandbox.deliverTo(url, { secret }): from now on each event is POSTed there; await sandbox.delivered()
import { once } from 'node:events';
import http from 'node:http';

import { Maker, counts5000, kinds, seeded, template } from './stripe_objects.mjs';
import { StripeSender } from './stripe_webhooks.mjs';

export { counts5000, kinds };

const DAY_S = 24 * 60 * 60;
const API_VERSION = '2023-08-16';
const common = ['limit', 'starting_after', 'ending_before', 'created', 'expand'];
const parameters = {
  customers: ['email', 'test_clock'], products: ['active', 'ids', 'shippable', 'url'],
  prices: ['active', 'currency', 'lookup_keys', 'product', 'recurring', 'type'], payment_intents: ['customer'],
  charges: ['customer', 'payment_intent', 'transfer_group'],
  invoices: ['collection_method', 'customer', 'due_date', 'status', 'subscription'],
  subscriptions: ['customer', 'price', 'status'], refunds: ['charge', 'payment_intent'],
  events: ['delivery_success', 'type', 'types'],
};

class ApiError extends Error {
  constructor(status, error, headers = {}) {
    super(error.message);
    Object.assign(this, { status, body: { error: { type: 'invalid_request_error', ...error } }, headers });
  }
}

// Objects of one list, oldest first. Ids of deleted ones stay places to page from.
class Table {
  constructor() {
    this.rows = [];  // { place, object }
    this.places = new Map();
    this.live = new Map();
  }

  add(object) {
    const place = this.places.size;
    this.places.set(object.id, place);
    this.live.set(object.id, object);
    this.rows.push({ place, object });
  }

  replace(object) {
    this.live.set(object.id, object);
    this.rows[this.indexOf(this.places.get(object.id))].object = object;
  }

  delete(id) {
    this.live.delete(id);
    this.rows.splice(this.indexOf(this.places.get(id)), 1);
  }

  // As if they were older than Stripe keeps them: not even places any more.
  forget() {
    for (const id of this.live.keys()) {
      this.places.set(Symbol(id), this.places.get(id));  // the number of places stays
      this.places.delete(id);
    }
    this.live.clear();
    this.rows = [];
  }

  // Index of the first row at `place` or behind it.
  indexOf(place) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].place < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Newest first, as Stripe gives them.
  page({ limit, starting_after, ending_before, matches }) {
    const found = [];
    if (ending_before !== undefined) {
      for (let i = this.indexOf(ending_before + 1); i < this.rows.length && found.length <= limit; ++i)
        if (matches(this.rows[i].object)) found.push(this.rows[i].object);
      return { data: found.slice(0, limit).reverse(), has_more: found.length > limit };
    }
    const from = starting_after === undefined ? this.rows.length : this.indexOf(starting_after);
    for (let i = from - 1; i >= 0 && found.length <= limit; --i)
      if (matches(this.rows[i].object)) found.push(this.rows[i].object);
    return { data: found.slice(0, limit), has_more: found.length > limit };
  }
}

export class StripeSandbox {
  // counts: how many objects of each kind, without events, older than 40 days.
  static async start({ seed = 20260101, counts = counts5000, api_key = 'sk_test_sandbox0001', accounts = [] } = {}) {
    const sandbox = new StripeSandbox({ seed, api_key, accounts });
    sandbox.fill(counts);
    sandbox.server.listen(0, '127.0.0.1');
    await once(sandbox.server, 'listening');
    sandbox.port = sandbox.server.address().port;
    sandbox.address = `127.0.0.1:${sandbox.port}`;
    sandbox.url = `http://${sandbox.address}`;
    return sandbox;
  }

  constructor({ seed, api_key, accounts }) {
    Object.assign(this, { api_key, accounts, requests: [], when: () => undefined, clock_offset_ms: 0, sender: undefined });
    this.random = seeded(seed + 1);
    this.tables = Object.fromEntries([...Object.keys(kinds), 'event'].map((kind) => [kind, new Table()]));
    this.maker = new Maker(seed, (kind) => this.any(kind));
    this.server = http.createServer((request, response) => void this.answer(request, response));
  }

  fill(counts) {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    let created = this.now() - 40 * DAY_S - total * 60;
    for (const kind of Object.keys(kinds))
      for (let i = 0; i < (counts[kind] ?? 0); ++i) this.tables[kind].add(this.maker.make(kind, (created += 60)));
  }

  // Seconds; the sandbox's clock may differ from this machine's.
  now() {
    return Math.floor((Date.now() + this.clock_offset_ms) / 1000);
  }

  objects(kind) {
    return this.tables[kind].live;
  }

  any(kind, random = this.maker.random) {
    const { rows } = this.tables[kind];
    return rows.length > 0 ? rows[random(rows.length)].object : undefined;
  }

  // --- Changes, each with its event ---------------------------------------------------------------------------------

  create(kind, fields = {}) {
    const object = { ...this.maker.make(kind, this.now()), ...fields };
    this.tables[kind].add(object);
    if (kinds[kind].created) this.emit(kinds[kind].created, object);
    if (kind === 'refund') {
      const charge = this.objects('charge').get(object.charge);
      if (charge) this.update(charge, { amount_refunded: object.amount }, 'charge.refunded');
    }
    return object;
  }

  update({ object: kind, id }, fields, type = kinds[kind].updated) {
    const before = this.tables[kind].live.get(id);
    const after = { ...before, ...fields };
    if ('updated' in after) after.updated = this.now();
    this.tables[kind].replace(after);
    const previous = Object.fromEntries(Object.keys(fields).map((name) => [name, before[name] ?? null]));
    this.emit(type, after, previous);
    return after;
  }

  remove({ object: kind, id }) {
    const object = this.tables[kind].live.get(id);
    this.tables[kind].delete(id);
    this.emit(kinds[kind].deleted, object);
    return object;
  }

  cancel(subscription) {
    const canceled_at = this.now();
    return this.update(subscription, { status: 'canceled', canceled_at, ended_at: canceled_at }, kinds.subscription.canceled);
  }

  // A new object, a change or a deletion, by the seed: { kind, id, what }.
  changeSomething() {
    const kind = Object.keys(kinds)[this.random(Object.keys(kinds).length)];
    const chosen = this.any(kind, this.random);
    const fate = chosen ? this.random(4) : 0;
    if (fate === 0) return { kind, id: this.create(kind).id, what: 'created' };
    if (fate === 1 && kinds[kind].deleted) return { kind, id: this.remove(chosen).id, what: 'deleted' };
    if (fate === 1 && kinds[kind].canceled) return { kind, id: this.cancel(chosen).id, what: 'canceled' };
    const metadata = { ...chosen.metadata, touched: String(this.tables.event.places.size) };
    return { kind, id: this.update(chosen, { metadata }).id, what: 'changed' };
  }

  emit(type, object, previous_attributes) {
    const event = {
      ...template('event'), id: this.maker.id('evt'), api_version: API_VERSION, created: this.now(), type,
      data: { object: structuredClone(object), ...(previous_attributes && { previous_attributes }) },
    };
    this.tables.event.add(event);
    this.sender?.send(event);
    return event;
  }

  // --- Webhooks -----------------------------------------------------------------------------------------------------

  deliverTo(url, options) {
    this.sender = new StripeSender(url, options);
    return this.sender;
  }

  delivered() {
    return this.sender.drained();
  }

  // --- The API ------------------------------------------------------------------------------------------------------

  async answer(request, response) {
    const url = new URL(request.url, this.url);
    const seen = { method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers };
    const index = this.requests.push(seen) - 1;
    const special = await this.when(seen, index);
    if (special?.trouble === 'drop') return request.socket.destroy();
    if (special?.trouble === 'slow') await new Promise((resolve) => setTimeout(resolve, special.ms));
    let reply;
    try {
      if (special?.trouble === 'rate limit')
        throw new ApiError(429, { code: 'rate_limit', message: 'Too many requests' }, { 'retry-after': String(special.retry_after ?? 1) });
      if (special?.trouble === 'error')
        throw new ApiError(special.status ?? 500, { type: 'api_error', message: 'Something went wrong', ...special.error }, special.headers);
      this.authenticate(seen);
      reply = { status: 200, body: this.route(seen), headers: {} };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      reply = error;
    }
    let text = JSON.stringify(reply.body);
    if (special?.trouble === 'malformed') text = special.text ?? text.slice(0, text.length / 2);
    response.writeHead(reply.status, {
      'content-type': 'application/json', date: new Date(this.now() * 1000).toUTCString(), 'request-id': `req_${index}`,
      'stripe-version': API_VERSION, ...reply.headers,
    });
    return response.end(text);
  }

  authenticate({ headers }) {
    const [scheme, value = ''] = (headers.authorization ?? '').split(' ');
    const key = scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':')[0] : value;
    if (!key) throw new ApiError(401, { message: 'You did not provide an API key.' });
    if (key !== this.api_key) throw new ApiError(401, { message: `Invalid API Key provided: ${key}` });
    const account = headers['stripe-account'];
    if (account !== undefined && !this.accounts.includes(account))
      throw new ApiError(403, { code: 'account_invalid', message: `The provided key '${key}' does not have access to account '${account}'` });
  }

  route({ method, path, query }) {
    const [, version, list, id] = path.split('/');
    if (method !== 'GET' || version !== 'v1') throw new ApiError(404, { message: `Unrecognized request URL (${method}: ${path}).` });
    if (path === '/v1/balance') return template('balance');
    const kind = list === 'events' ? 'event' : Object.keys(kinds).find((name) => kinds[name].list === list);
    if (kind === undefined) throw new ApiError(404, { message: `Unrecognized request URL (${method}: ${path}).` });
    if (id === undefined) return this.list(kind, list, query);
    const object = this.objects(kind).get(id);
    if (object) return object;
    if (['customer', 'product'].includes(kind) && this.tables[kind].places.has(id)) return { id, object: kind, deleted: true };
    throw new ApiError(404, { code: 'resource_missing', param: 'id', message: `No such ${kind}: '${id}'` });
  }

  list(kind, list, query) {
    for (const name of query.keys()) {
      const bare = name.replace(/\[.*$/, '');
      if (!common.includes(bare) && !parameters[list].includes(bare))
        throw new ApiError(400, { code: 'parameter_unknown', param: bare, message: `Received unknown parameter: ${bare}` });
    }
    const limit = Number(query.get('limit') ?? 10);
    if (!Number.isInteger(limit) || limit < 1 || limit > 100)
      throw new ApiError(400, { code: 'parameter_invalid_integer', param: 'limit', message: 'Invalid integer' });
    const table = this.tables[kind];
    const place = (param) => {
      const id = query.get(param);
      if (id === null) return undefined;
      if (!table.places.has(id)) throw new ApiError(400, { code: 'resource_missing', param, message: `No such ${kind}: '${id}'` });
      return table.places.get(id);
    };
    const matches = this.filter(kind, query);
    const page = table.page({ limit, starting_after: place('starting_after'), ending_before: place('ending_before'), matches });
    return { object: 'list', url: `/v1/${list}`, ...page };
  }

  filter(kind, query) {
    const bound = (name, otherwise) => Number(query.get(`created[${name}]`) ?? otherwise);
    const [gte, gt, lte, lt] = [bound('gte', 0), bound('gt', -1), bound('lte', Infinity), bound('lt', Infinity)];
    const types = [...query.getAll('types[]'), ...query.getAll('type')];
    if (types.length > 20) throw new ApiError(400, { param: 'types', message: 'Too many types' });
    const status = query.get('status') ?? undefined;
    const customer = query.get('customer') ?? undefined;
    return (object) => {
      const { created } = object;
      if (created < gte || created <= gt || created > lte || created >= lt) return false;
      if (kind === 'event' && types.length > 0 && !types.includes(object.type)) return false;
      // Canceled subscriptions are hidden unless asked for.
      if (kind === 'subscription' && status === undefined && object.status === 'canceled') return false;
      if (status !== undefined && status !== 'all' && object.status !== status) return false;
      return customer === undefined || object.customer === customer;
    };
  }

  async stop() {
    await this.sender?.stop();
    this.server.close();
    this.server.closeAllConnections();
  }
}
