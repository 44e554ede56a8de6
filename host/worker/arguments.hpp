// The arguments of the plugin's functions, as a call's message has them.
#pragma once

#include "host/abi/instance.hpp"
#include "host/abi/services.hpp"
#include "host/worker/wire.hpp"

namespace tomada::worker {

/// The fields that are set, and their values when the plugin may read them.
void put_credentials(Writer& writer, abi::Services& services);

void put_sync(Writer& writer, const abi::SyncRequest& request);
abi::SyncRequest get_sync(Reader& reader);

void put_webhook(Writer& writer, const abi::Webhook& webhook);
/// Its texts are views into the message.
abi::Webhook get_webhook(Reader& reader);

}  // namespace tomada::worker
