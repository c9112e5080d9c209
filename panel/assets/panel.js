// What the pages do in a browser with JavaScript. They work without it.
"use strict";

// A form that was sent is not sent again: its button says that it is busy.
document.addEventListener("submit", (event) => {
	const form = event.target;
	if (form.method !== "post") return;
	if (form.dataset.sent) {
		event.preventDefault();
		return;
	}
	form.dataset.sent = "yes";
	for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
});

// A page that the browser shows again from its memory can be sent again.
window.addEventListener("pageshow", () => {
	for (const form of document.querySelectorAll("form[data-sent]")) {
		delete form.dataset.sent;
		for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
	}
});

// On a narrow screen, the tab of this page may be beyond the edge.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Times are shown in the time zone of the browser.
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const showTimes = (root) => {
	for (const time of root.querySelectorAll("time[datetime]")) {
		const text = local.format(new Date(time.dateTime));
		if (time.classList.contains("at")) time.textContent = text;
		else time.title = text;
	}
};
showTimes(document);
document.addEventListener("htmx:afterSettle", (event) => showTimes(event.target));
document.addEventListener("htmx:sseMessage", (event) => showTimes(event.target));
