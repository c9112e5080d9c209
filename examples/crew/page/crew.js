// Messages come as Server-Sent Events or by long polling. Both continue at the same position.
const state = document.querySelector("#state");
const problem = document.querySelector("#problem");
let next = ""; // the position after the last message
let live; // an AbortController that ends the way of listening in use

function say(text) {
  state.textContent = text;
  state.className = text === "live" ? "live" : "";
}

// add puts a row on top of a list.
function add(list, row) {
  list.prepend(row);
  while (list.children.length > 50) list.lastChild.remove();
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function show(message) {
  const row = document.createElement("li");
  row.append(element("span", message), element("time", new Date().toLocaleTimeString()));
  add(document.querySelector("#messages"), row);
}

// missed is for a reset. A page with a state would load it again after the delay.
function missed() {
  const row = element("li", "Messages may be missing here.");
  row.className = "note";
  add(document.querySelector("#messages"), row);
}

function path() {
  return "/subscribe" + (next && "?next=" + encodeURIComponent(next));
}

function stream(signal) {
  const feed = new EventSource(path());
  signal.addEventListener("abort", () => feed.close());
  feed.onopen = () => say("live");
  feed.addEventListener("published", (event) => {
    next = event.lastEventId || next;
    show(JSON.parse(event.data));
  });
  feed.addEventListener("reset", missed);
  feed.onerror = () => {
    say("reconnecting");
    if (feed.readyState !== EventSource.CLOSED) return; // the browser tries again
    setTimeout(() => signal.aborted || stream(signal), 1000 + 1000 * Math.random());
  };
}

async function poll(signal) {
  while (!signal.aborted) {
    try {
      // The first poll is answered at once, with the position to poll on from.
      const answer = await fetch(next ? path() : "/subscribe?wait=0", { signal, headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const polled = await answer.json();
      next = polled.next;
      if (polled.reset) missed();
      for (const event of polled.events) show(event.data);
      say("live");
    } catch {
      if (signal.aborted) return;
      say("reconnecting");
      await new Promise((resolve) => setTimeout(resolve, 1000 + 1000 * Math.random()));
    }
  }
}

function listen() {
  live?.abort();
  live = new AbortController();
  say("connecting");
  const by = document.querySelector("[name=by]:checked").value;
  (by === "poll" ? poll : stream)(live.signal);
}
document.querySelector("#listen").addEventListener("change", listen);
listen();

document.querySelector("#publish").addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = document.querySelector("#message");
  problem.textContent = "";
  try {
    const answer = await fetch(event.submitter.dataset.path, {
      method: "POST",
      headers: { "Content-Type": "text/plain", Accept: "application/problem+json" },
      body: message.value,
    });
    if (!answer.ok) throw new Error((await answer.json()).detail ?? answer.statusText);
    message.value = "";
  } catch (error) {
    problem.textContent = error.message;
  }
  message.focus();
});

document.querySelector("#tasks").addEventListener("click", async (event) => {
  const task = event.target.dataset.path;
  if (!task) return;
  const row = document.createElement("li");
  const head = element("code", task);
  const text = element("pre", "running");
  row.append(head, text);
  add(document.querySelector("#results"), row);
  const start = performance.now();
  try {
    const answer = await fetch(task);
    row.classList.toggle("bad", !answer.ok);
    text.textContent = (await answer.text()).trim();
  } catch (error) {
    row.classList.add("bad");
    text.textContent = error.message;
  }
  head.append(element("span", ((performance.now() - start) / 1000).toFixed(2) + " s"));
});
