// The board: what the hub tells of is put on top of the list; the form is sent without leaving the page.
const list = document.querySelector("#orders");
const state = document.querySelector("#state");
const form = document.querySelector("form");
const problem = document.querySelector("#problem");

function show(order, arrives) {
  if (document.getElementById(order.id)) return; // it came by both ways
  const row = document.createElement("li");
  row.id = order.id;
  row.classList.toggle("new", arrives);
  for (const [tag, text] of [["b", order.count + "×"], ["span", order.product], ["i", order.customer]]) {
    row.appendChild(document.createElement(tag)).textContent = text;
  }
  list.prepend(row);
}

let wait = 500; // ms until the next try
function connect() {
  const socket = new WebSocket(new URL("/ws", location.href.replace(/^http/, "ws")));
  socket.onopen = () => socket.send(JSON.stringify({ method: "watch", correlation_id: 1 }));
  socket.onmessage = (message) => {
    const frame = JSON.parse(message.data);
    if (frame.event === "order_created") show(frame.data, true);
    if (frame.type === "result" && frame.success) {
      frame.data.forEach((order) => show(order, false));
      state.textContent = "live";
      state.className = "live";
      wait = 500;
    }
  };
  socket.onclose = () => { // the service stops, or the network: what came meanwhile is in the next answer
    state.textContent = "reconnecting";
    state.className = "";
    setTimeout(connect, wait + Math.random() * wait);
    wait = Math.min(2 * wait, 10000);
  };
}
connect();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.textContent = "";
  // The same id until it is known to be ordered: to try again makes no second order.
  form.id.value ||= Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/problem+json" },
      body: new URLSearchParams(new FormData(form)),
    });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    form.id.value = "";
  } catch (error) {
    problem.textContent = error.message;
  }
  button.disabled = false;
});
