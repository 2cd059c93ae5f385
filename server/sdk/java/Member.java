import com.google.gson.JsonObject;
import io.github.centrifugal.centrifuge.*;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One client. */
class Member {
    final String name;
    final Client client;
    private final List<TokenCallback> asked = new ArrayList<>(); // for tokens

    Member(String name, JsonObject args) {
        this.name = name;
        Options options = new Options();
        options.setMinReconnectDelay(50);
        options.setMaxReconnectDelay(500);
        options.setTimeout(30_000); // ms; the 5 s of the SDK are too short for a machine that runs all drivers at once
        if (Driver.is(args, "asks")) {
            options.setTokenGetter(new ConnectionTokenGetter() {
                @Override public void getConnectionToken(ConnectionTokenEvent e, TokenCallback callback) { ask(null, callback); }
            });
        }
        client = new Client(args.get("url").getAsString(), options, new Events());
    }

    void emit(String type, Object... fields) {
        JsonObject event = Driver.object(fields);
        event.addProperty("type", type);
        Driver.tell(Driver.object("member", name, "event", event));
    }

    /** ask asks the scenario for a token, of a connection if channel is null. */
    private void ask(String channel, TokenCallback callback) {
        int number;
        synchronized (asked) {
            asked.add(callback);
            number = asked.size() - 1;
        }
        emit("getToken", "channel", channel, "ask", number);
    }

    void answer(JsonObject args) {
        TokenCallback callback;
        synchronized (asked) {
            callback = asked.get(args.get("ask").getAsInt());
        }
        if (!args.has("token") || args.get("token").isJsonNull()) {
            callback.Done(new Exception("no token to be had"), "");
        } else {
            callback.Done(null, args.get("token").getAsString());
        }
    }

    private void emitInfo(String type, String channel, ClientInfo info) {
        emit(type, "channel", channel, "user", info.getUser(), "client", info.getClient());
    }

    /** Without a publisher, the SDK has one without a name. */
    private void emitPublication(String type, String channel, byte[] data, long offset, ClientInfo info, Map<String, String> tags) {
        boolean known = info != null && !info.getClient().isEmpty();
        emit(type, "channel", channel, "data", Driver.decode(data), "offset", offset > 0 ? offset : null, "user", known ? info.getUser() : null,
            "client", known ? info.getClient() : null, "tags", tags == null || tags.isEmpty() ? null : tags);
    }

    void subscribe(String channel, JsonObject args) throws DuplicateSubscriptionException {
        SubscriptionOptions options = new SubscriptionOptions();
        options.setMinResubscribeDelay(50);
        options.setMaxResubscribeDelay(500);
        options.setRecoverable(Driver.is(args, "recoverable"));
        options.setPositioned(Driver.is(args, "positioned"));
        options.setJoinLeave(Driver.is(args, "joinLeave"));
        if (Driver.is(args, "asks")) {
            options.setTokenGetter(new SubscriptionTokenGetter() {
                @Override public void getSubscriptionToken(SubscriptionTokenEvent e, TokenCallback callback) { ask(channel, callback); }
            });
        }
        client.newSubscription(channel, options, new RoomEvents()).subscribe();
    }

    private class Events extends EventListener {
        @Override public void onConnecting(Client c, ConnectingEvent e) { emit("connecting", "code", e.getCode()); }
        @Override public void onConnected(Client c, ConnectedEvent e) { emit("connected", "client", e.getClient()); }
        @Override public void onDisconnected(Client c, DisconnectedEvent e) { emit("disconnected", "code", e.getCode()); }
        @Override public void onError(Client c, ErrorEvent e) { emit("server-error", "code", Driver.codeOf(e.getError())); }
        @Override public void onSubscribing(Client c, ServerSubscribingEvent e) { emit("server-subscribing", "channel", e.getChannel()); }
        @Override public void onSubscribed(Client c, ServerSubscribedEvent e) {
            emit("server-subscribed", "channel", e.getChannel(), "recovered", e.getRecovered(), "wasRecovering", e.wasRecovering());
        }
        @Override public void onUnsubscribed(Client c, ServerUnsubscribedEvent e) { emit("server-unsubscribed", "channel", e.getChannel()); }
        @Override public void onPublication(Client c, ServerPublicationEvent e) {
            emitPublication("server-publication", e.getChannel(), e.getData(), e.getOffset(), e.getInfo(), e.getTags());
        }
        @Override public void onJoin(Client c, ServerJoinEvent e) { emitInfo("server-join", e.getChannel(), e.getInfo()); }
        @Override public void onLeave(Client c, ServerLeaveEvent e) { emitInfo("server-leave", e.getChannel(), e.getInfo()); }
    }

    private class RoomEvents extends SubscriptionEventListener {
        @Override public void onSubscribing(Subscription s, SubscribingEvent e) { emit("subscribing", "channel", s.getChannel(), "code", e.getCode()); }
        @Override public void onSubscribed(Subscription s, SubscribedEvent e) {
            emit("subscribed", "channel", s.getChannel(), "recovered", e.getRecovered(), "wasRecovering", e.wasRecovering());
        }
        @Override public void onUnsubscribed(Subscription s, UnsubscribedEvent e) { emit("unsubscribed", "channel", s.getChannel(), "code", e.getCode()); }
        @Override public void onPublication(Subscription s, PublicationEvent e) {
            emitPublication("publication", s.getChannel(), e.getData(), e.getOffset(), e.getInfo(), e.getTags());
        }
        @Override public void onJoin(Subscription s, JoinEvent e) { emitInfo("join", s.getChannel(), e.getInfo()); }
        @Override public void onLeave(Subscription s, LeaveEvent e) { emitInfo("leave", s.getChannel(), e.getInfo()); }
        @Override public void onError(Subscription s, SubscriptionErrorEvent e) { emit("error", "channel", s.getChannel(), "code", Driver.codeOf(e.getError())); }
    }
}
