// Stripe-like objects from a seed: the published samples with ids, times and amounts of their own.
import fs from 'node:fs';
import path from 'node:path';

const templates = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, 'fixtures/stripe_objects.json')));
export const template = (name) => structuredClone(templates[name]);

// Oldest first: later ones refer to earlier ones. `created`: the event that tells of a new one, '': none does.
export const kinds = {
  customer: { list: 'customers', prefix: 'cus', created: 'customer.created', updated: 'customer.updated', deleted: 'customer.deleted' },
  product: { list: 'products', prefix: 'prod', created: 'product.created', updated: 'product.updated', deleted: 'product.deleted' },
  price: { list: 'prices', prefix: 'price', created: 'price.created', updated: 'price.updated', deleted: 'price.deleted' },
  subscription: {
    list: 'subscriptions', prefix: 'sub', created: 'customer.subscription.created', updated: 'customer.subscription.updated',
    canceled: 'customer.subscription.deleted',
  },
  invoice: { list: 'invoices', prefix: 'in', created: 'invoice.created', updated: 'invoice.updated', deleted: 'invoice.deleted' },
  payment_intent: { list: 'payment_intents', prefix: 'pi', created: 'payment_intent.created', updated: 'payment_intent.succeeded' },
  charge: { list: 'charges', prefix: 'ch', created: 'charge.succeeded', updated: 'charge.updated' },
  // As in API version 2023-08-16, where a card's refund shows in charge.refunded alone.
  refund: { list: 'refunds', prefix: 're', created: '', updated: 'charge.refund.updated' },
};

export const counts5000 = {
  customer: 1200, product: 150, price: 300, subscription: 500, invoice: 700, payment_intent: 900, charge: 900, refund: 350,
};

// mulberry32
export function seeded(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const given = ['Ada', 'Bela', 'Chidi', 'Dora', 'Emre', 'Fátima', 'Grażyna', 'Hiro', 'Ines', 'João', 'Kaja', 'Lê', 'Mei', 'Noor'];
const family = ['Almeida', 'Brandt', 'Cohen', 'Dvořák', 'Eriksen', 'Fontaine', 'García', 'Haddad', 'Ivanova', 'Jansen'];
const things = ['Lamp', 'Chair', 'Teapot', 'Notebook', 'Bicycle', 'Camera', 'Backpack', 'Kettle', 'Radio', 'Umbrella'];
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

// Makes objects; `pick(kind)` gives an existing object of that kind, or undefined.
export class Maker {
  constructor(seed, pick) {
    this.random = seeded(seed);
    this.pick = pick;
    this.count = 0;
  }

  // Ends in a running number, so that no two are the same.
  id(prefix) {
    const noise = Array.from({ length: 14 }, () => letters[this.random(letters.length)]).join('');
    return `${prefix}_${noise}${String(this.count++).padStart(6, '0')}`;
  }

  one(list) {
    return list[this.random(list.length)];
  }

  make(kind, created) {
    const object = { ...template(kind), id: this.id(kinds[kind].prefix), created };
    this[kind](object);
    return object;
  }

  customer(object) {
    object.name = `${this.one(given)} ${this.one(family)}`;
    object.email = `customer${this.count}@example.com`;
    object.metadata = { segment: this.one(['gold', 'silver', 'none']) };
  }

  product(object) {
    object.name = `${this.one(things)} ${this.count}`;
    object.updated = object.created;
  }

  price(object) {
    object.product = this.pick('product')?.id ?? object.product;
    object.unit_amount = 100 + this.random(20_000);
    object.unit_amount_decimal = String(object.unit_amount);
  }

  subscription(object) {
    object.customer = this.pick('customer')?.id ?? object.customer;
    object.items.url = `/v1/subscription_items?subscription=${object.id}`;
    const [item] = object.items.data;
    Object.assign(item, { id: this.id('si'), subscription: object.id, created: object.created });
    item.price = structuredClone(this.pick('price') ?? item.price);
    object.status = this.one(['active', 'active', 'active', 'past_due', 'canceled']);
  }

  invoice(object) {
    object.customer = this.pick('customer')?.id ?? object.customer;
    object.amount_due = object.amount_remaining = object.total = object.subtotal = 100 + this.random(50_000);
    object.status = this.one(['draft', 'open', 'paid']);
    object.lines.url = `/v1/invoices/${object.id}/lines`;
  }

  payment_intent(object) {
    object.customer = this.pick('customer')?.id ?? null;
    object.amount = 100 + this.random(50_000);
    object.client_secret = `${object.id}_secret_${this.id('x')}`;
    object.canceled_at = null;
  }

  charge(object) {
    const intent = this.pick('payment_intent');
    object.customer = intent?.customer ?? null;
    object.payment_intent = intent?.id ?? null;
    object.amount = intent?.amount ?? object.amount;
    object.refunds.url = `/v1/charges/${object.id}/refunds`;
  }

  refund(object) {
    const charge = this.pick('charge');
    object.charge = charge?.id ?? object.charge;
    object.payment_intent = charge?.payment_intent ?? null;
    object.amount = charge ? 1 + this.random(charge.amount) : object.amount;
  }
}
