import io.github.centrifugal.centrifuge.*;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Works the Java SDK for the scenarios of TLS: Driver URL TOKEN ROOM. It joins the room, publishes each line of its input, and writes a line of
 * JSON for each event. It ends with its input.
 */
class Driver {
    static synchronized void emit(String event) {
        System.out.write((event + "\n").getBytes(StandardCharsets.UTF_8), 0, (event + "\n").getBytes(StandardCharsets.UTF_8).length);
        System.out.flush();
    }

    public static void main(String[] args) throws Exception {
        Options options = new Options();
        options.setToken(args[1]);
        Client client = new Client(args[0], options, new EventListener() {
            @Override public void onConnecting(Client c, ConnectingEvent e) { emit("{\"type\":\"connecting\",\"code\":" + e.getCode() + "}"); }
            @Override public void onDisconnected(Client c, DisconnectedEvent e) { emit("{\"type\":\"disconnected\",\"code\":" + e.getCode() + "}"); }
            @Override public void onError(Client c, ErrorEvent e) { System.err.println(e.getError()); }
        });
        Subscription sub = client.newSubscription(args[2], new SubscriptionEventListener() {
            @Override public void onSubscribed(Subscription s, SubscribedEvent e) {
                emit("{\"type\":\"subscribed\",\"recovered\":" + e.getRecovered() + "}");
            }
            @Override public void onPublication(Subscription s, PublicationEvent e) {
                String data = new String(e.getData(), StandardCharsets.UTF_8);
                emit("{\"type\":\"publication\",\"data\":" + data + ",\"offset\":" + e.getOffset() + "}");
            }
        });
        sub.subscribe();
        client.connect();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null;) {
            sub.publish(line.getBytes(StandardCharsets.UTF_8), (error, result) -> {
                if (error != null) {
                    System.err.println(error);
                    System.exit(1);
                }
            });
        }
        client.disconnect();
        client.close(5000);
        System.exit(0);
    }
}
