#include "entities.hpp"

#include <algorithm>
#include <array>

namespace stripe {
namespace {

constexpr std::size_t k_types_max = 20;

// The names of API version 2023-08-16. Newer ones, which that version does not know, still arrive by webhook.
constexpr auto k_customer =
    std::to_array<std::string_view>({"customer.created", "customer.updated", "customer.deleted"});
constexpr auto k_product = std::to_array<std::string_view>({"product.created", "product.updated", "product.deleted"});
constexpr auto k_price = std::to_array<std::string_view>({"price.created", "price.updated", "price.deleted"});
constexpr auto k_payment_intent = std::to_array<std::string_view>(
    {"payment_intent.created", "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled",
     "payment_intent.processing", "payment_intent.requires_action", "payment_intent.partially_funded",
     "payment_intent.amount_capturable_updated"});
constexpr auto k_charge =
    std::to_array<std::string_view>({"charge.succeeded", "charge.updated", "charge.captured", "charge.refunded",
                                     "charge.failed", "charge.pending", "charge.expired"});
constexpr auto k_invoice = std::to_array<std::string_view>(
    {"invoice.created", "invoice.updated", "invoice.deleted", "invoice.finalized", "invoice.finalization_failed",
     "invoice.paid", "invoice.payment_succeeded", "invoice.payment_failed", "invoice.payment_action_required",
     "invoice.sent", "invoice.voided", "invoice.marked_uncollectible"});
constexpr auto k_subscription = std::to_array<std::string_view>(
    {"customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted",
     "customer.subscription.paused", "customer.subscription.resumed", "customer.subscription.trial_will_end",
     "customer.subscription.pending_update_applied", "customer.subscription.pending_update_expired"});
constexpr auto k_refund =
    std::to_array<std::string_view>({"refund.created", "refund.updated", "charge.refund.updated"});
static_assert(k_invoice.size() <= k_types_max);

constexpr auto k_entities = std::to_array<Entity>({
    {"customer", "/v1/customers", "", k_customer},
    {"product", "/v1/products", "", k_product},
    {"price", "/v1/prices", "", k_price},
    {"payment_intent", "/v1/payment_intents", "", k_payment_intent},
    {"charge", "/v1/charges", "", k_charge},
    {"invoice", "/v1/invoices", "", k_invoice},
    {"subscription", "/v1/subscriptions", "status=all", k_subscription},
    // In this API version a card's refund shows in the event charge.refunded alone, whose object is the charge.
    {"refund", "/v1/refunds", "", k_refund, true},
    {k_event_entity, "/v1/events", "", {}},
});

}  // namespace

const Entity* find_entity(std::string_view name) {
  const auto found =
      std::find_if(k_entities.begin(), k_entities.end(), [&](const Entity& e) { return e.name == name; });
  return found == k_entities.end() ? nullptr : &*found;
}

}  // namespace stripe
