// What every page runs. Pages work without it, as plain links and forms; this makes them quicker.
import "./dialogs.js";
import "./drafts.js";
import "./live-forms.js";
import "./history.js";
import "./missed.js";
import "./cards.js";
import "./import.js";
import "./live.js";
import "./contact-form.js";
import "./menus.js";
import "./player.js";
import "./refreshing.js";
import "./cells.js";
import "./sending.js"; // the last one: what the others send is theirs
