//! my-plugin: syncs the items of an HTTP API that answers JSON, page by page.
//!
//!     GET {base_url}/items?limit=100&cursor=c2
//!     200 {"items": [{"id": "17", "name": "Lamp", "updated_at": "2026-01-10T15:30:00Z"}, ...], "next": "c3"}
//!
//! `next` is the cursor of the following page; missing, null or empty on the last one.

mod call;
mod json;
mod tomada;

use call::{percent_encoded, Call, Failure, Plugin, Result, SyncRequest};
use json::{quoted, Json};

// [instance]
/// One for each integration: all state lives in it, a plugin has no statics of its own.
struct MyPlugin {
    items_url: String, // with "?limit="
}
// [instance]

impl Plugin for MyPlugin {
    /// The host has checked the configuration against the manifest.
    fn new(config_json: &[u8]) -> Result<Self> {
        let config = Json::parse(config_json).unwrap_or(Json::Null);
        let wrong = || Failure::new(tomada::E_INVALID_CONFIG, "config.base_url: must be the address of the API");
        let base_url = config.text("base_url").ok_or_else(wrong)?;
        let page_size = config.number("page_size").unwrap_or(100.0);
        Ok(MyPlugin { items_url: format!("{}/items?limit={}", base_url, page_size) })
    }

    /// One cheap request that needs the credentials.
    fn test_connection(&self, call: &Call) -> Result<()> {
        self.page_after(call, "").map(|_| ())
    }

    // [sync]
    fn sync(&self, call: &Call, request: &SyncRequest) -> Result<()> {
        if request.entity != "item" {
            return Err(Failure::new(tomada::E_UNSUPPORTED, "there is no such entity"));
        }
        let mut cursor = request.resume.clone(); // after an interruption: where it was
        loop {
            let page = self.page_after(call, &cursor)?;
            for item in &page.items {
                let data = format!(r#"{{"name":{},"updated_at":{}}}"#, quoted(&item.name), quoted(&item.updated_at));
                call.upsert("item", &item.id, &data)?;
            }
            if page.next.is_empty() {
                return call.complete("item", ""); // only now: items that were not seen are deletions
            }
            if page.next == cursor {
                return Err(Failure::new(tomada::E_INVALID_DATA, "the API's paging does not advance"));
            }
            cursor = page.next;
            call.checkpoint(&cursor)?; // the page and its cursor take effect together
        }
    }
    // [sync]
}

struct Item {
    id: String,
    name: String,
    updated_at: String,
}

struct Page {
    items: Vec<Item>,
    next: String,
}

impl MyPlugin {
    fn page_after(&self, call: &Call, cursor: &str) -> Result<Page> {
        let mut url = self.items_url.clone();
        if !cursor.is_empty() {
            url += "&cursor=";
            url += &percent_encoded(cursor);
        }
        let mut response = call.get(&url)?; // the host adds the token; other calls run on this thread meanwhile
        response.expect_ok("list the items")?; // 401, 429, 5xx: the host knows what to do with each

        // What a provider sends is foreign input.
        let wrong = |what: &str| Failure::new(tomada::E_INVALID_DATA, &format!("the API's answer {}", what));
        let page = Json::parse(response.body()?).ok_or_else(|| wrong("is no JSON"))?;
        let list = page.list("items").ok_or_else(|| wrong("is not an object with a list of items"))?;
        let text = |item: &Json, field: &str| -> Result<String> {
            item.text(field).map(str::to_owned).ok_or_else(|| wrong(&format!("has an item without {}", field)))
        };
        let mut items = Vec::new();
        for item in list {
            items.push(Item { id: text(item, "id")?, name: text(item, "name")?, updated_at: text(item, "updated_at")? });
        }
        Ok(Page { items, next: page.text("next").unwrap_or("").to_owned() })
    }
}

// [entry]
tomada_plugin!(MyPlugin, "../manifest.json");
// [entry]
