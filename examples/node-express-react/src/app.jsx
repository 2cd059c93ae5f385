import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { Centrifuge } from "centrifuge";

function Login({ onDone }) {
  const submit = async (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("name");
    const { ok } = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name }) });
    if (ok) onDone();
  };
  return <form onSubmit={submit}><input name="name" placeholder="Your name" autoFocus /><button>Sign in</button></form>;
}

// useRoom subscribes while the component is shown.
function useRoom(name) {
  const [messages, setMessages] = useState([]);
  const [state, setState] = useState("connecting");
  const room = useRef(null);
  useEffect(() => {
    let client;
    let ended = false;
    const getToken = async () => (await (await fetch("/throng-token")).json());
    getToken().then(({ token, url }) => {
      if (ended) return;
      client = new Centrifuge(`${url}/connection/websocket`, { token, getToken: async () => (await getToken()).token });
      client.on("state", ({ newState }) => setState(newState));
      room.current = client.newSubscription(name);
      room.current.on("publication", ({ data, info, offset }) => {
        setMessages((before) => [...before, { text: data.text, name: info?.connInfo?.name ?? "server", offset }].slice(-200));
      });
      room.current.subscribe();
      client.connect();
    });
    return () => { ended = true; client?.disconnect(); };
  }, [name]);
  return { messages, state, publish: (data) => room.current.publish(data) };
}

function Chat() {
  const { messages, state, publish } = useRoom("chat:lobby");
  const [failed, setFailed] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    try {
      await publish({ text: new FormData(form).get("text") });
      form.reset();
      setFailed("");
    } catch (error) {
      setFailed(`not sent: ${error.message}`); // the text stays in the box
    }
  };
  return (
    <>
      <p role="status">{failed || state}</p>
      <ul>{messages.map(({ offset, name, text }) => <li key={offset}>{name}: {text}</li>)}</ul>
      <form onSubmit={submit}><input name="text" autoComplete="off" autoFocus /><button>Send</button></form>
      <button onClick={() => fetch("/notice", { method: "POST" })}>Notice of the server</button>
    </>
  );
}

function App() {
  const [signedIn, setSignedIn] = useState(false);
  return signedIn ? <Chat /> : <Login onDone={() => setSignedIn(true)} />;
}

createRoot(document.querySelector("#root")).render(<App />);
