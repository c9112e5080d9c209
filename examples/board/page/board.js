// Events of the hub are put on top of the list; the form is sent without leaving the page.
const list = document.querySelector("#orders");
const state = document.querySelector("#state");
const form = document.querySelector("form");
const problem = document.querySelector("#problem");

function show(order, arrives) {
  if (document.getElementById(order.id)) return; // it is shown already
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
  const watch = () => socket.send(JSON.stringify({ method: "watch", correlation_id: 1 }));
  socket.onopen = watch;
  socket.onmessage = (message) => {
    const frame = JSON.parse(message.data);
    if (frame.event === "order_created") show(frame.data, true);
    if (frame.event === "reset") setTimeout(watch, frame.data.delay_ms); // some may be missing
    if (frame.type === "result" && !frame.success) socket.close(); // to try again
    if (frame.type === "result" && frame.success) {
      frame.data.reverse().forEach((order) => show(order, false));
      state.textContent = "live";
      state.className = "live";
      wait = 500;
    }
  };
  socket.onclose = () => { // watch returns the orders that are missed until the next connection
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
  // Keep the id until the order is created, so that a retry does not create a second one.
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
