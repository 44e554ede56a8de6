// What lies between the plugin (plugin.go) and Tomada's C interface. A call may be used by the goroutine that got it, and by
// no other: the host knows its thread.
package main

// #include "glue.h"
// #include <stdlib.h>
import "C"

import (
	_ "embed"
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// note.S puts it into the file; embedding it makes go build see when it changes.
//
//go:embed manifest.json
var manifest string

// [start]
func init() {
	// A worker has few threads and little memory, and no environment that could say so.
	runtime.GOMAXPROCS(2)
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_DATA, &limit) == nil && limit.Cur < 1<<40 {
		debug.SetMemoryLimit(int64(limit.Cur / 2))
	}
	// The first timer opens descriptors. After the plugin is loaded, nothing can be opened any more.
	time.Sleep(1)
}

// [start]

func main() {}

//export goStarted
func goStarted() {}

// Status is one of TOMADA_OK … TOMADA_E_INTERNAL in tomada/plugin.h: it says what the host does next.
type Status int32

const (
	RateLimited     Status = C.TOMADA_E_RATE_LIMITED
	Unauthenticated Status = C.TOMADA_E_UNAUTHENTICATED
	Forbidden       Status = C.TOMADA_E_FORBIDDEN
	NotFound        Status = C.TOMADA_E_NOT_FOUND
	InvalidConfig   Status = C.TOMADA_E_INVALID_CONFIG
	InvalidData     Status = C.TOMADA_E_INVALID_DATA
	Unavailable     Status = C.TOMADA_E_UNAVAILABLE
	Permanent       Status = C.TOMADA_E_PERMANENT
	Unsupported     Status = C.TOMADA_E_UNSUPPORTED
	internal        Status = C.TOMADA_E_INTERNAL
)

// Failure ends a call. The message is for a person: what failed and how to mend it; no secret, no whole body. It is empty
// when a service ended the call: the host has its own words then.
type Failure struct {
	Status       Status
	Message      string
	HTTPStatus   uint32
	RetryAfterMS uint64
}

func (f *Failure) Error() string { return f.Message }

func fail(status Status, format string, args ...any) error {
	return &Failure{Status: status, Message: fmt.Sprintf(format, args...)}
}

// SyncRequest says what to bring: Entity is one of the manifest's; Resume is the last checkpoint of this same run after an
// interruption; Since is what the last complete run passed to Complete.
type SyncRequest struct {
	Full                  bool
	Entity, Since, Resume string
}

// Response is one HTTP response with its whole body. 4xx and 5xx are responses too.
type Response struct {
	Status     uint32
	RetryAfter string
	Body       []byte
}

// Failure that HTTP's own rules give for a status; a provider's own codes often say more.
func (r *Response) Failure(what string) error {
	status := Permanent
	switch {
	case r.Status == 401:
		status = Unauthenticated
	case r.Status == 403:
		status = Forbidden
	case r.Status == 404 || r.Status == 410:
		status = NotFound
	case r.Status == 429:
		status = RateLimited
	case r.Status == 408 || r.Status >= 500:
		status = Unavailable
	}
	failure := &Failure{Status: status, Message: fmt.Sprintf("%s: HTTP %d", what, r.Status), HTTPStatus: r.Status}
	// A date, or more than a day: the host's own backoff.
	if seconds, err := strconv.ParseUint(r.RetryAfter, 10, 64); err == nil && seconds <= 24*60*60 {
		failure.RetryAfterMS = seconds * 1000
	}
	return failure
}

// Call is one running call, until the plugin's function returns.
type Call struct{ handle C.tomada_call }

// arena holds what C shall see in C's memory: Go's may not be passed when it has pointers in it.
type arena []unsafe.Pointer

func (a *arena) slice(text string) C.tomada_slice {
	if text == "" {
		return C.tomada_slice{}
	}
	bytes := C.CBytes([]byte(text))
	*a = append(*a, bytes)
	return C.tomada_slice{ptr: (*C.char)(bytes), len: C.uint64_t(len(text))}
}

func (a *arena) free() {
	for _, bytes := range *a {
		C.free(bytes)
	}
}

func text(slice C.tomada_slice) string { return string(bytesOf(slice)) }

func bytesOf(slice C.tomada_slice) []byte {
	if slice.len == 0 {
		return nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(slice.ptr)), slice.len)...)
}

func ended(status C.tomada_status) error {
	if status == C.TOMADA_OK {
		return nil
	}
	return &Failure{Status: Status(status)}
}

// Get waits for a response. The host adds the authentication that the manifest describes.
func (c Call) Get(url string) (*Response, error) {
	var memory arena
	defer memory.free()
	request := C.tomada_http_request{struct_size: C.sizeof_tomada_http_request, method: memory.slice("GET"), url: memory.slice(url)}
	result := C.tomada_http_result{struct_size: C.sizeof_tomada_http_result}
	if err := ended(C.http_send(c.handle, &request, &result)); err != nil {
		return nil, err
	}
	defer C.http_release(c.handle, result.response)
	response := &Response{Status: uint32(result.status)}
	var value C.tomada_slice
	if C.http_header(c.handle, result.response, memory.slice("Retry-After"), &value) == C.TOMADA_OK {
		response.RetryAfter = text(value)
	}
	if err := ended(C.http_body(c.handle, result.response, &value)); err != nil {
		return nil, err
	}
	response.Body = bytesOf(value)
	return response, nil
}

// Upsert adds a record to the page. One that the host refuses is left out, and the run ends as partial.
func (c Call) Upsert(entity, id string, data []byte) error {
	var memory arena
	defer memory.free()
	record := C.tomada_record{struct_size: C.sizeof_tomada_record, external_id: memory.slice(id), data_json: memory.slice(string(data))}
	status := C.records_upsert(c.handle, memory.slice(entity), &record)
	if status == C.TOMADA_E_INVALID_DATA {
		return nil
	}
	return ended(status)
}

// Checkpoint commits the page together with cursor, which comes back as SyncRequest.Resume after an interruption.
func (c Call) Checkpoint(cursor string) error {
	var memory arena
	defer memory.free()
	return ended(C.records_checkpoint(c.handle, memory.slice(cursor)))
}

// Complete commits the page and says that the whole entity was seen: what was not is a deletion.
func (c Call) Complete(entity, since string) error {
	var memory arena
	defer memory.free()
	return ended(C.records_complete(c.handle, memory.slice(entity), memory.slice(since)))
}

// Check fails when the call was cancelled or its time is over. For loops that call no service.
func (c Call) Check() error { return ended(C.call_check(c.handle)) }

// [guard]
// No panic leaves the plugin, whatever body does.
func guarded(body func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fail(internal, "panic: %v", cause)
		}
	}()
	return body()
}

func run(instance C.uintptr_t, handle C.tomada_call, body func(*Plugin, Call) error) C.tomada_status {
	err := guarded(func() error { return body(cgo.Handle(instance).Value().(*Plugin), Call{handle}) })
	if err == nil {
		return C.TOMADA_OK
	}
	failure := asFailure(err)
	if failure.Message == "" {
		return C.tomada_status(failure.Status)
	}
	var memory arena
	defer memory.free()
	detail := C.tomada_error{struct_size: C.sizeof_tomada_error, http_status: C.uint32_t(failure.HTTPStatus),
		message: memory.slice(failure.Message), retry_after_ms: C.uint64_t(failure.RetryAfterMS)}
	return C.call_fail(handle, C.tomada_status(failure.Status), &detail)
}

// [guard]

func asFailure(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	return &Failure{Status: internal, Message: err.Error()}
}

//export goCreate
func goCreate(config C.tomada_slice, why *C.char, capacity C.uint64_t, length *C.uint64_t, instance *C.uintptr_t) C.tomada_status {
	err := guarded(func() error {
		plugin, err := newPlugin(bytesOf(config))
		if err == nil {
			*instance = C.uintptr_t(cgo.NewHandle(plugin))
		}
		return err
	})
	if err == nil {
		return C.TOMADA_OK
	}
	failure := asFailure(err)
	*length = C.uint64_t(copy(unsafe.Slice((*byte)(unsafe.Pointer(why)), capacity), failure.Message))
	return C.tomada_status(failure.Status)
}

//export goDestroy
func goDestroy(instance C.uintptr_t) { cgo.Handle(instance).Delete() }

//export goTestConnection
func goTestConnection(instance C.uintptr_t, call C.tomada_call) C.tomada_status {
	return run(instance, call, (*Plugin).TestConnection)
}

//export goSync
func goSync(instance C.uintptr_t, call C.tomada_call, mode C.uint32_t, entity, since, resume C.tomada_slice) C.tomada_status {
	return run(instance, call, func(plugin *Plugin, call Call) error {
		if mode != C.TOMADA_SYNC_FULL && mode != C.TOMADA_SYNC_INCREMENTAL {
			return fail(Unsupported, "an unknown sync mode")
		}
		return plugin.Sync(call, SyncRequest{mode == C.TOMADA_SYNC_FULL, text(entity), text(since), text(resume)})
	})
}
