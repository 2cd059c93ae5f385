package server

import (
	"go/ast"
	"go/constant"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/fanout"
)

// The codes, statuses and metrics in docs/limits.md exist.
func TestDocsLimitsExist(t *testing.T) {
	t.Parallel()
	metrics, errors, closes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		if lit, ok := n.(*ast.BasicLit); ok {
			if text, _ := literalOf(lit); strings.HasPrefix(text, "throng_") {
				metrics[text] = true
			}
		}
	})
	for _, row := range doctable.Below(t, "codes.md", "Errors", "code", "message").Rows {
		errors[row[0]] = true
	}
	for _, section := range []string{"Close codes", "Unsubscribe codes"} {
		for _, row := range doctable.Below(t, "codes.md", section, "code", "cause").Rows {
			closes[row[0]] = true
		}
	}
	known := map[string]func(string) bool{
		"metric":    func(s string) bool { return metrics[s] },
		"error":     func(s string) bool { return errors[s] },
		"close":     func(s string) bool { return closes[s] },
		"status":    func(s string) bool { return slices.Contains(documentedStatuses(t), s) },
		"reason":    func(s string) bool { return slices.Contains(fanout.ReasonNames[:], s) },
		"handshake": func(s string) bool { return slices.Contains(metricLabels(t, "throng_handshakes_total"), s) },
	}
	patterns := map[string]*regexp.Regexp{
		"metric":    regexp.MustCompile("`(throng_[a-z_]+)`"),
		"error":     regexp.MustCompile(`\berrors? (\d+)`),
		"close":     regexp.MustCompile(`\b(?:close|unsubscribe) (\d+)`),
		"status":    regexp.MustCompile(`\bHTTP (\d+)`),
		"reason":    regexp.MustCompile(`\bcloses ([a-z_]+)`),
		"handshake": regexp.MustCompile(`\bhandshakes ([a-z_]+)`),
	}
	counts := map[string]int{}
	for _, d := range doctable.All(t, "limits.md") {
		for _, row := range d.Rows {
			for i, cell := range row {
				for what, pattern := range patterns {
					inMetric := d.Header[i] == "metric"
					if (what == "metric" || what == "reason" || what == "handshake") && !inMetric {
						continue
					}
					for _, found := range pattern.FindAllStringSubmatch(cell, -1) {
						counts[what]++
						if !known[what](found[1]) {
							t.Errorf("limits.md, %q: there is no %s %s", row[0], what, found[1])
						}
					}
				}
			}
		}
	}
	for what := range patterns {
		if counts[what] == 0 {
			t.Errorf("limits.md: found no %s", what)
		}
	}
}

// sourceConstants returns the constants of the sources by name, except names with several values.
func sourceConstants(t *testing.T) map[string]int64 {
	t.Helper()
	exprs := map[string][]ast.Expr{}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return
		}
		for _, spec := range decl.Specs {
			s := spec.(*ast.ValueSpec)
			for i, name := range s.Names {
				if i < len(s.Values) {
					exprs[name.Name] = append(exprs[name.Name], s.Values[i])
				}
			}
		}
	})
	all := map[string]int64{}
	for name, list := range exprs {
		different := map[int64]bool{}
		for _, e := range list {
			if v, ok := int64Of(valueOfExpr(e, exprs)); ok {
				different[v] = true
				all[name] = v
			}
		}
		if len(different) != 1 {
			delete(all, name)
		}
	}
	return all
}

// valueOfExpr evaluates the expressions of constants. The value of other expressions is unknown.
func valueOfExpr(e ast.Expr, known map[string][]ast.Expr) constant.Value {
	units := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.INT {
			return constant.MakeFromLiteral(e.Value, e.Kind, 0)
		}
	case *ast.ParenExpr:
		return valueOfExpr(e.X, known)
	case *ast.SelectorExpr:
		if unit, ok := units[e.Sel.Name]; ok && typeName(e.X) == "time" {
			return constant.MakeInt64(int64(unit))
		}
	case *ast.Ident:
		if list := known[e.Name]; len(list) == 1 {
			return valueOfExpr(list[0], known)
		}
	case *ast.BinaryExpr:
		x, y := valueOfExpr(e.X, known), valueOfExpr(e.Y, known)
		if x.Kind() != constant.Int || y.Kind() != constant.Int {
			break
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n))
		}
		return constant.BinaryOp(x, e.Op, y)
	}
	return constant.MakeUnknown()
}

// Every fixed limit of docs/limits.md equals its constant in the sources.
func TestDocsFixedLimitsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	constants := sourceConstants(t)
	get := func(name string) int64 {
		v, ok := constants[name]
		if !ok { // exported in another package
			v, ok = constants[strings.ToUpper(name[:1])+name[1:]]
		}
		if !ok {
			t.Errorf("no constant %s in the sources, or several", name)
		}
		return v
	}
	// The notations of a number, a size and a duration.
	num := func(n int64) []string {
		text := strconv.FormatInt(n, 10)
		for at := len(text) - 3; at > 0; at -= 3 {
			text = text[:at] + "," + text[at:]
		}
		return []string{text}
	}
	n := func(name string) []string { return num(get(name)) }
	size := func(v int64) (texts []string) {
		for unit, factor := range map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20} {
			if v%factor == 0 {
				texts = append(texts, num(v / factor)[0]+" "+unit)
			}
		}
		return texts
	}
	b := func(name string) []string { return size(get(name)) }
	d := func(name string) (texts []string) {
		for unit, factor := range map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "days": 24 * time.Hour} {
			in := float64(get(name)) / float64(factor)
			texts = append(texts, strconv.FormatFloat(in, 'f', -1, 64)+" "+unit)
			texts = append(texts, num(int64(in))[0]+" "+unit)
		}
		return texts
	}
	config := DefaultConfig()
	want := map[string][][]string{
		"fragments of one message":                                      {n("maxFragments")},
		"text of `rpc(\"search\")`; its terms; messages of a page":      {b("maxQuery"), n("maxTerms"), n("maxFound")},
		"texts that one `rpc(\"search\")` compares":                     {b("maxSearched")},
		"searches that wait for a worker (on half of the cores)":        {n("maxQueuedSearches"), d("bulkQueueTimeout")},
		"time from the first byte of a message to its last":             {d("messageTimeout")},
		"unfinished messages, all connections together":                 {b("maxUnfinished"), n("budgetMessages")},
		"frames per connection, control frames included":                {n("framesPerMessage")},
		"slow mode of one room, per user (without a user: per address)": {d("maxSlowMode")},
		"slow mode of one room: guests of one address together":         {n("guestPublications")},
		"publishers remembered in slow rooms":                           {n("maxSlowModePublishers")},
		"JSON nesting of a publication":                                 {n("maxDepth")},
		"room backlog (bytes posted and not yet written)":               {b("roomBacklog"), n("maxShards")},
		"data of a delta": {b("maxDelta"), b("maxSearch")},
		"time for deltas in one write round of a core":                                 {d("deltaBudget")},
		"time for compression in one write round of a core":                            {d("CompressionBudget")},
		"compressed message: bytes of its form for 32 KiB of the message":              {b("maxPerWindow")},
		"compression contexts (one for a room with at least 4 such members on a core)": {n("maxContexts"), b("contextSize"), n("contextMembers")},
		"connections in total":            {n("reservedFiles"), num(get("reservedFiles") + get("MaxAdmissions") + get("MaxCalls") + get("senders"))},
		"sockets in total, HTTP included": {n("minSockets")},
		"new connections per address":     {num(int64(config.RateConnectionsAddress) * get("connectBurst") / int64(time.Second))},
		"request head":                    {b("maxHead"), n("maxHeadLines")},
		"PROXY protocol header":           {b("maxV1"), b("prefixV2"), b("maxV2")},
		"time for the request head, with a PROXY protocol header and a TLS handshake before it": {d("headTimeout")},
		"unfinished handshakes":                                                                  {n("maxPending"), n("maxPendingAddress"), d("pendingGrace")},
		"bytes of a TLS handshake":                                                               {b("maxHandshakeBytes"), b("maxHandshakeRecord")},
		"ACME: domains; orders at the same time":                                                 {n("maxACMEDomains"), n("maxOrders")},
		"ACME: checks of the CA at the same time":                                                {n("maxChallenges")},
		"TLS records in a row without data (KeyUpdates, empty records, alerts)":                  {n("maxUseless")},
		"TLS KeyUpdates of a client":                                                             {n("maxUpdates"), n("recordsPerUpdate")},
		"TLS records of one key":                                                                 {n("rekeyAfter"), n("maxRecords12")},
		"plain clients that wait for the webhook":                                                {n("maxPlainWaiting")},
		"body of a request for a stream":                                                         {b("maxConnectBody")},
		"commands in one request to `/emulation`":                                                {n("maxEscaped"), b("maxConnectBody")},
		"requests to `/emulation` per address":                                                   {n("emulationRate")},
		"requests in progress, of all addresses":                                                 {n("maxFallbacksWait")},
		"bytes of bodies in progress, all together":                                              {b("maxBodies")},
		"time for a body; the same again under backpressure":                                     {d("fallbackTimeout")},
		"commands of one connection that are not handled":                                        {b("maxQueued")},
		"time to send the connect command":                                                       {d("staleTimeout")},
		"close: time for the peer's side":                                                        {d("closeTimeout")},
		"slow consumer: unsent bytes of one connection alone (replies, and 40 B for each batch)": {size(int64(fanout.SliceCost))},
		"slow consumer: time without progress on a full socket":                                  {d("stallTimeout")},
		"slow consumers: bytes retained for the members of one room":                             {size(int64(config.MaxRetained) / get("audienceShareRetained"))},
		"room name":                                                                                       {b("maxRoomName")},
		"join and leave events of one room":                                                               {n("joinLeaveRate"), num(get("joinLeaveRate") * get("burstSeconds")), b("joinLeaveUnit")},
		"join and leave events that wait":                                                                 {n("maxQueuedEvents"), b("maxQueuedEventBytes")},
		"members of one roster; rooms of one user, by rosters":                                            {n("maxMembers"), n("maxUserRooms")},
		"user ID in a roster; title; topic; avatar; meta of a room":                                       {b("maxUser"), b("maxTitle"), b("maxTopic"), b("maxAvatar"), b("maxMeta")},
		"users of one `rpc(\"invite\")`; entries of one page of `rooms` or `members`":                     {n("maxRPCPage"), b("maxInline")},
		"acts of moderators by `rpc`: at a time; waiting":                                                 {n("maxModerating"), n("maxQueuedActs"), d("bulkQueueTimeout")},
		"users of one call on a roster; page of `rooms` or `members`":                                     {n("maxMemberChange"), n("maxRosterPage")},
		"times when users of rosters were last connected":                                                 {n("maxMarkers"), d("seenPer")},
		"users of one `rpc(\"status\")`":                                                                  {n("maxStatusUsers")},
		"token size":                                                                                      {b("maxToken")},
		"time to send a new token after expiry":                                                           {d("expiryGrace")},
		"ES384 and ES512 tokens that wait for verification (on half of the cores)":                        {n("maxVerifying"), d("bulkQueueTimeout")},
		"document of `jwks-url`":                                                                          {b("maxSet"), d("fetchTimeout"), d("refreshInterval"), d("refreshPause")},
		"public keys of one algorithm; size of an RSA key":                                                {n("maxOfAKind"), n("minRSA"), n("maxRSA")},
		"edits, deletions and reactions in one room, beside its messages":                                 {n("changesPerMessage")},
		"notices of redactions in one room, beside its messages":                                          {n("noticesPerMessage")},
		"history page for a client":                                                                       {n("maxHistoryPage"), size(int64(config.MaxUnsent) / 2)},
		"recovery of one room":                                                                            {n("maxRecovered"), size(int64(config.MaxUnsent) / 2)},
		"recovery of all rooms of a connection":                                                           {size(int64(config.MaxUnsent) / 2 * get("burstSeconds")), size(int64(config.MaxUnsent) / 2)},
		"positions of rooms without members and publications":                                             {n("maxPositions"), d("positionTTL")},
		"publication in a durable room: data":                                                             {b("maxDurableMessage")},
		"publications of durable rooms that wait for the disk":                                            {b("maxUncommitted"), d("AppendTimeout")},
		"values of rooms in memory, all together":                                                         {b("maxMemoryValues")},
		"one change of values; key of a value":                                                            {b("maxValueChange"), b("maxValueKey")},
		"positions of durable rooms without members and publications":                                     {n("maxDurablePositions"), d("positionTTL")},
		"replies to presence, history and `rpc`, and subscribe data from a webhook: bytes per connection": {size(get("bulkRateFactor") * int64(config.MaxUnsent)), n("bulkRateFactor"), n("searchedPerByte")},
		"words of a `word-list`; bytes of a word; bytes of the file":                                      {n("maxWords"), b("maxWord"), b("maxFile")},
		"messages remembered in rooms with `repeat-limit`":                                                {n("maxRepeats")},
		"read markers of one chat room":                                                                   {n("maxMarkers")},
		"members of a room with receipts; users in one publication":                                       {n("maxReceiptMembers"), n("maxReceiptUsers")},
		"receipts that wait":                                                                              {n("maxReceipts"), n("maxReceiptsAtOnce")},
		"rooms in a reply to `rpc(\"unread\")`":                                                           {n("maxUnreadRooms"), b("maxUnreadBytes")},
		"replies to presence and history over 16 KiB: unread ones of one connection (one longer reply is allowed)": {b("maxInline"), size(int64(config.MaxUnsent))},
		"replies to presence and history over 16 KiB: all connections":                                             {b("maxInline"), b("maxOutstanding")},
		"replies to presence and history over 16 KiB: all connections, before the slowest readers are closed":      {size(get("maxOutstanding") / 2), d("outstandingGrace")},
		"replies to presence and history over 16 KiB: different ones that wait to be made":                         {n("maxQueuedBulk"), d("bulkQueueTimeout")},
		"commands that wait for the webhook, a token check or a long reply, all connections":                       {b("maxPaused"), n("budgetMessages")},
		"requests for connect and subscribe: in progress; waiting":                                                 {n("MaxAdmissions"), n("maxQueuedRequests")},
		"requests for publish and rpc: in progress; waiting":                                                       {n("MaxCalls"), n("maxQueuedRequests")},
		"reply of your application": {b("MaxReply")},
		"notifications: queue":      {n("maxQueue"), b("maxQueueBytes")},
		"spans of traces that wait for the receiver; time of one export; of the rest at a stop": {n("maxWaitingSpans"), d("spanExportTime"), d("spanFlushTime")},
		"notifications: in progress; attempts":                                                  {n("senders"), n("maxAttempts")},
		"[notifications](webhooks.md#notify) of chat rooms: users and rooms that wait":          {n("maxWaitingEntries"), n("maxNoticeRooms")},
		"publications and changes of clients of a node that wait for the owner of a log":        {b("maxWaiting"), d("requestTimeout")},
		"messages for other nodes that wait in a node":                                          {b("maxOutgoing")},
		"users in a reply to `rpc(\"reactors\")`":                                               {n("maxReactors"), b("maxReactorBytes")},
		"settings of a user about notifications: muted rooms; browsers; bytes":                  {n("maxMutes"), n("maxSubscriptions"), b("maxPreferences")},
		"changes of these settings by one connection":                                           {n("preferenceRate"), num(get("preferenceRate") * get("burstSeconds"))},
		"Web Push: queue": {n("maxPushQueue"), b("maxPushQueueBytes"), n("maxNoticeQueue")},
		"Web Push: in progress; attempts; time for one; sockets, which lower `max-connections`": {n("pushSenders"), n("maxPushAttempts"), d("pushTimeout"), num(2 * get("pushSenders"))},
		"API calls about users that throng keeps while a connect request has no reply":          {n("maxPendingUserCommands"), b("maxPendingUserCommandBytes")},
		"time of a node of a cluster without a majority, until its clients are closed":          {d("awayAfter"), d("awayWithin")},
		"request body":              {size(api.MaxBody(config.MaxMessage))},
		"time for the request body": {d("apiBodyTimeout")},
		"time for one call":         {d("callTimeout")},
		"commands of one request; channels of a broadcast": {n("maxBatchCommands"), n("maxBroadcast")},
		"replies to the commands of one request":           {b("maxBatchAnswer")},
		"time for the caller to read 32 KiB of a response": {b("responsePiece"), d("pieceTimeout")},
		"history page":       {n("maxHistoryPage")},
		"page of `timeline`": {n("MaxPage"), b("maxTimelinePage"), n("MaxPage")},
		"bans, mutes, slow rooms and revocations together":                                          {n("maxSanctions")},
		"reason of a ban or mute; all reasons together":                                             {b("maxSanctionReason"), b("maxReasonBytes")},
		"reason of a ban or mute; all reasons together, if the last one is of a moderator by `rpc`": {b("maxSanctionReason"), b("maxModeratorReasons")},
		"values that users add by `join`, `room_create`, `mute`, `push_subscribe`, and by `read` without a place in the roster: while the values of rooms and users use less than": {n("userShare")},
		"bans, mutes and slow rooms of moderators by `rpc`: while fewer sanctions of all kinds are active than":                                                                    {n("maxModeratorSanctions")},
		"idempotency keys":                                                          {n("maxIdempotencyKeys"), b("maxIdempotencyKey"), d("idempotencyTTL")},
		"`version_epoch`":                                                           {b("maxIdempotencyKey")},
		"user name in a call; close reason":                                         {b("maxUserName"), b("maxReason")},
		"`slow_mode`; duration of a ban, mute or token":                             {d("maxSlowMode"), d("maxMoment")},
		"gRPC connections":                                                          {n("MaxConnections")},
		"gRPC calls of one connection at a time":                                    {n("maxCallsAtOnce")},
		"metadata of a gRPC call":                                                   {b("maxMetadata")},
		"time for the TLS and HTTP/2 handshakes of a gRPC connection":               {d("grpcHandshakeTime")},
		"time of a gRPC connection without a call; ping; time to answer it":         {d("grpcIdleTime"), d("grpcPingInterval"), d("grpcPingTime")},
		"HTTP requests without the API key, all together":                           {n("requestRate"), n("requestBurst")},
		"HTTP requests in progress":                                                 {n("maxResponding")},
		"HTTP response: time without progress; in total":                            {d("responseStall"), d("responseTimeout")},
		"idle HTTP connections: time; number, with unfinished handshakes":           {d("keepAliveTimeout"), n("maxPending")},
		"guest tokens: requests per address":                                        {n("guestRate")},
		"guest tokens: requests in progress":                                        {n("maxGuestsWait")},
		"guest tokens: body size":                                                   {b("maxGuestBody")},
		"guest tokens: time for the body":                                           {d("guestTimeout")},
		"guest tokens: name":                                                        {b("maxGuestName")},
		"guest tokens: lifetime; time to renew one after its expiry":                {d("guestLifetime"), d("guestGrace")},
		"connections in one page of the admin port":                                 {n("defaultPage"), n("maxPage")},
		"log lines that wait to be written":                                         {n("maxRecords")},
		"streams of the [live page](live.md) at a time; time to receive a snapshot": {n("maxLiveStreams"), d("snapshotTimeout")},
		"reloads that run or wait":                                                  {n("maxReloads")},
		"named keys":                                                                {n("maxAPIKeys")},
		"config file":                                                               {b("maxConfigFile"), n("maxPatterns")},
		"file in `public-keys`":                                                     {b("maxKeyFile")},

		"messages in memory: Kafka":                           {n("concurrentFetch"), b("FetchBytes"), b("PartitionBytes")},
		"batch of records in Kafka, after decompression":      {b("MaxBatch")},
		"messages in memory: NATS":                            {},
		"messages in memory: PostgreSQL":                      {n("batchRows"), b("BatchBytes")},
		"durable consumers; partitions of the table":          {n("MaxDurables")},
		"pause after a temporary rejection, or a lost broker": {d("FirstPause"), d("MaxPause")},
		"time until another node continues after a crash":     {d("AckWait"), d("SessionTimeout")},
		"open files": {n("Sockets"), n("MaxSockets")},

		"ID of a message, or reference to one; emoji":                        {b("MaxID"), b("MaxEmoji")},
		"mentions of a message":                                              {n("MaxMentions"), b("MaxMention")},
		"levels of threads":                                                  {},
		"page of `rpc(\"timeline\")`":                                        {n("MaxPage")},
		"reactions of a message: emojis; reactions; bytes of their user IDs": {n("MaxEmojis"), n("MaxReactions"), b("maxReactionBytes")},
	}
	seen := map[string]bool{}
	for _, table := range doctable.All(t, "limits.md") {
		if table.Header[0] != "limit" {
			continue
		}
		for _, row := range table.Rows {
			wanted, held := want[row[0]]
			if seen[row[0]] {
				t.Errorf("limits.md: two rows %q", row[0])
			}
			seen[row[0]] = true
			if !held && strings.HasPrefix(row[2], "fixed") {
				t.Errorf("limits.md, %q: name its constant in this test", row[0])
			}
			text := strings.Join(row[:3], " | ")
			for _, texts := range wanted {
				if !slices.ContainsFunc(texts, func(s string) bool {
					return regexp.MustCompile(`(^|[^\d.,])` + regexp.QuoteMeta(s) + `($|[^\d,]|,($|\D))`).MatchString(text)
				}) {
					t.Errorf("limits.md, %q: want one of %q in %q", row[0], texts, text)
				}
			}
		}
	}
	for row := range want {
		if !seen[row] {
			t.Errorf("limits.md has no row %q", row)
		}
	}
}

// int64Of returns v as an integer. The product of a float and a duration is one, too.
func int64Of(v constant.Value) (int64, bool) {
	v = constant.ToInt(v)
	if v.Kind() != constant.Int {
		return 0, false
	}
	return constant.Int64Val(v)
}
