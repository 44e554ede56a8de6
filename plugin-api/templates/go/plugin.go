// my-plugin: syncs the items of an HTTP API that answers JSON, page by page.
//
//	GET {base_url}/items?limit=100&cursor=c2
//	200 {"items": [{"id": "17", "name": "Lamp", "updated_at": "2026-01-10T15:30:00Z"}, ...], "next": "c3"}
//
// `next` is the cursor of the following page; missing, null or empty on the last one.
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// [instance]
// Plugin is one integration: all state lives in it, a plugin has no globals.
type Plugin struct {
	itemsURL string // with "?limit="
}

// The host has checked the configuration against the manifest.
func newPlugin(configJSON []byte) (*Plugin, error) {
	config := struct {
		BaseURL  string `json:"base_url"`
		PageSize int    `json:"page_size"`
	}{PageSize: 100}
	if err := json.Unmarshal(configJSON, &config); err != nil {
		return nil, fail(InvalidConfig, "config: %v", err)
	}
	return &Plugin{itemsURL: fmt.Sprintf("%s/items?limit=%d", config.BaseURL, config.PageSize)}, nil
}

// [instance]

type item struct {
	ID        *string `json:"id"`
	Name      *string `json:"name"`
	UpdatedAt *string `json:"updated_at"`
}

type page struct {
	Items *[]item `json:"items"`
	Next  string  `json:"next"`
}

// TestConnection makes one cheap request that needs the credentials.
func (p *Plugin) TestConnection(call Call) error {
	_, err := p.pageAfter(call, "")
	return err
}

// [sync]
// Sync brings all pages. After an interruption it goes on where it was.
func (p *Plugin) Sync(call Call, request SyncRequest) error {
	if request.Entity != "item" {
		return fail(Unsupported, "there is no such entity")
	}
	cursor := request.Resume
	for {
		page, err := p.pageAfter(call, cursor)
		if err != nil {
			return err
		}
		for _, item := range *page.Items {
			if err := upsert(call, item); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return call.Complete("item", "") // only now: items that were not seen are deletions
		}
		if page.Next == cursor {
			return fail(InvalidData, "the API's paging does not advance")
		}
		cursor = page.Next
		if err := call.Checkpoint(cursor); err != nil { // the page and its cursor take effect together
			return err
		}
	}
}

// [sync]

// What a provider sends is foreign input.
func (p *Plugin) pageAfter(call Call, cursor string) (*page, error) {
	address := p.itemsURL
	if cursor != "" {
		address += "&cursor=" + strings.ReplaceAll(url.QueryEscape(cursor), "+", "%20")
	}
	response, err := call.Get(address)
	if err != nil {
		return nil, err
	}
	if response.Status < 200 || response.Status > 299 {
		return nil, response.Failure("list the items") // 401, 429, 5xx: the host knows what to do with each
	}
	var read page
	if err := json.Unmarshal(response.Body, &read); err != nil || read.Items == nil {
		return nil, fail(InvalidData, "the API's answer is not an object with a list of items")
	}
	for _, item := range *read.Items {
		if item.ID == nil || item.Name == nil || item.UpdatedAt == nil {
			return nil, fail(InvalidData, "an item of the API lacks id, name or updated_at")
		}
	}
	return &read, nil
}

func upsert(call Call, item item) error {
	data, err := json.Marshal(map[string]string{"name": *item.Name, "updated_at": *item.UpdatedAt})
	if err != nil {
		return err
	}
	return call.Upsert("item", *item.ID, data)
}
