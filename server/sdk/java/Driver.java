import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.centrifugal.centrifuge.HistoryOptions;
import io.github.centrifugal.centrifuge.Publication;
import io.github.centrifugal.centrifuge.ReplyError;
import io.github.centrifugal.centrifuge.StreamPosition;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Works the Java SDK for the scenarios: commands come as lines of JSON, answers and what the SDK tells of by itself go as lines. The same for
 * JavaScript is ../driver.js.
 */
class Driver {
    static final Gson GSON = new GsonBuilder().serializeNulls().create(); // data have nulls

    static synchronized void tell(JsonObject line) {
        byte[] text = (GSON.toJson(line) + "\n").getBytes(StandardCharsets.UTF_8);
        System.out.write(text, 0, text.length);
        System.out.flush();
    }

    /** An object of names and values. Null values are left out. */
    static JsonObject object(Object... fields) {
        JsonObject o = new JsonObject();
        for (int i = 0; i < fields.length; i += 2) {
            if (fields[i + 1] != null) {
                o.add((String) fields[i], fields[i + 1] instanceof JsonElement e ? e : GSON.toJsonTree(fields[i + 1]));
            }
        }
        return o;
    }

    static JsonElement decode(byte[] data) { return JsonParser.parseString(new String(data, StandardCharsets.UTF_8)); }

    static byte[] encode(JsonElement data) { return GSON.toJson(data).getBytes(StandardCharsets.UTF_8); }

    /** The code of an error of the server; null for another error. */
    static Integer codeOf(Throwable error) {
        for (Throwable e = error; e != null; e = e.getCause()) {
            if (e instanceof ReplyError reply) {
                return reply.getCode();
            }
        }
        return null;
    }

    static void answer(int id, Throwable error, JsonElement result) {
        if (error == null) {
            tell(object("id", id, "result", result == null ? new JsonObject() : result));
        } else {
            tell(object("id", id, "error", object("code", codeOf(error), "message", String.valueOf(error))));
        }
    }

    /** answered tells the result of a command, when the server has replied. */
    static <T> io.github.centrifugal.centrifuge.ResultCallback<T> answered(int id, Function<T, JsonElement> result) {
        return (error, value) -> answer(id, error, error == null ? result.apply(value) : null);
    }

    static boolean is(JsonObject args, String name) { return args.has(name) && args.get(name).getAsBoolean(); }

    static HistoryOptions historyOptions(JsonObject args) {
        HistoryOptions.Builder options = new HistoryOptions.Builder().withReverse(is(args, "reverse"));
        options.withLimit(args.has("limit") ? args.get("limit").getAsInt() : 0);
        if (args.has("since")) {
            JsonObject since = args.getAsJsonObject("since");
            options.withSince(new StreamPosition(since.get("offset").getAsLong(), since.get("epoch").getAsString()));
        }
        return options.build();
    }

    static JsonArray publications(Iterable<Publication> all) {
        JsonArray list = new JsonArray();
        all.forEach(p -> list.add(object("data", decode(p.getData()), "offset", p.getOffset())));
        return list;
    }

    /** perform does a command of a member. */
    static void perform(int id, Member member, String command, JsonObject args) throws Exception {
        String channel = args.has("channel") ? args.get("channel").getAsString() : null;
        switch (command) {
            case "publish" -> member.client.publish(channel, encode(args.get("data")), answered(id, r -> null));
            case "rpc" -> member.client.rpc(args.get("method").getAsString(), encode(args.get("data")), answered(id, r -> object("data", decode(r.getData()))));
            case "presence" -> member.client.presence(channel, answered(id, r -> {
                JsonArray list = new JsonArray();
                r.getClients().values().forEach(info -> list.add(object("user", info.getUser(), "client", info.getClient())));
                return object("list", list);
            }));
            case "presenceStats" -> member.client.presenceStats(channel, answered(id, r -> object("numClients", r.getNumClients(), "numUsers", r.getNumUsers())));
            case "history" -> member.client.history(channel, historyOptions(args), answered(id,
                r -> object("publications", publications(r.getPublications()), "offset", r.getOffset(), "epoch", r.getEpoch())));
            default -> {
                switch (command) {
                    case "connect" -> member.client.connect();
                    case "disconnect" -> member.client.disconnect();
                    case "subscribe" -> member.subscribe(channel, args);
                    case "unsubscribe" -> member.client.getSubscription(channel).unsubscribe();
                    case "answer" -> member.answer(args);
                    default -> throw new IllegalArgumentException("command " + command + " is unknown");
                }
                answer(id, null, null);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Member> members = new HashMap<>();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null;) {
            JsonObject request = JsonParser.parseString(line).getAsJsonObject();
            int id = request.get("id").getAsInt();
            String name = request.get("member").getAsString();
            String command = request.get("command").getAsString();
            JsonObject args = request.has("args") ? request.getAsJsonObject("args") : new JsonObject();
            try {
                if (command.equals("open")) {
                    members.put(name, new Member(name, args));
                    answer(id, null, null);
                } else {
                    perform(id, members.get(name), command, args);
                }
            } catch (Exception e) { // the scenario is to fail with it, not to wait for an answer
                answer(id, e, null);
            }
        }
        System.exit(0);
    }
}
