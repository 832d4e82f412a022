<?php
/* A page for one employee: pops up who calls, calls at a click, saves a contact, receives webhooks. It needs no package.
 *
 *   PBXD=http://127.0.0.1:8573 TOKEN=pbxd_… SECRET=whsec_… HEARD=/var/tmp/heard PHP_CLI_SERVER_WORKERS=8 php -S 127.0.0.1:8800 page.php
 *
 * The token is made with --as 101 and stays on the server: a browser must not have it. Put the page behind your own sign-in, since
 * whoever opens it acts as 101; leave ?do=webhook open for pbxd. docs/api-quick-start.md explains each step. */
declare(strict_types=1);

function request(string $method, array $headers = [], string $content = ''): mixed
{
    $headers = ['Authorization: Bearer ' . getenv('TOKEN'), 'Content-Type: application/json', ...$headers];
    // HTTP/1.0: with 1.1 PHP keeps the lines of a stream back until it has 8 KB of them.
    $http = ['method' => $method, 'header' => $headers, 'content' => $content, 'timeout' => 60, 'protocol_version' => 1.0, 'ignore_errors' => true];
    return stream_context_create(['http' => $http]);
}

/** Hand pbxd's answer on as it is: a refusal has a `detail` for people. */
function hand_on(string $path, mixed $request): never
{
    $text = @file_get_contents(getenv('PBXD') . $path, false, $request);
    preg_match('~^HTTP/\S+ (\d+)~', $http_response_header[0] ?? 'HTTP/1.0 502', $status);
    http_response_code((int) $status[1]);
    header('Content-Type: application/json');
    exit($text === false ? '{"detail": "pbxd is away"}' : $text);
}

/** Whoever asks is this page: pages of other sites cannot send JSON without being asked first. */
function body(): array
{
    $isJson = str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'application/json');
    $body = $isJson && $_SERVER['REQUEST_METHOD'] === 'POST' ? json_decode(file_get_contents('php://input'), true) : null;
    is_array($body) || exit(http_response_code(400));
    return $body;
}

function is_pbxds(string $secret, array $headers, string $body): bool
{
    $sent = $headers['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!ctype_digit($sent) || abs(time() - (int) $sent) > 300) {
        return false;
    }
    $signed = ($headers['HTTP_WEBHOOK_ID'] ?? '') . ".$sent.$body";
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', $signed, base64_decode(substr($secret, 6)), true));
    $given = explode(' ', $headers['HTTP_WEBHOOK_SIGNATURE'] ?? '');
    return in_array(true, array_map(fn ($one) => hash_equals($wanted, $one), $given), true);
}

switch ($_GET['do'] ?? '') {
    case 'events':
        set_time_limit(0);
        header('Content-Type: text/event-stream');
        header('Cache-Control: no-store');
        header('X-Accel-Buffering: no');
        while (ob_get_level()) {
            ob_end_flush(); // PHP, as Debian ships it, would collect 4 KB first
        }
        echo "retry: 2000\n\n"; // also if pbxd is away: the browser comes again
        flush();
        $last = $_SERVER['HTTP_LAST_EVENT_ID'] ?? '';
        $headers = ctype_digit($last) ? ["Last-Event-ID: $last"] : [];
        $lines = @fopen(getenv('PBXD') . '/api/v1/events?kinds=call.ringing&mine=true', 'r', false, request('GET', $headers));
        while ($lines && ($line = fgets($lines)) !== false) {
            echo $line;
            flush(); // ends the script once the browser has left
        }
        exit;
    case 'cards':
        hand_on('/api/v1/contacts?' . http_build_query(['number' => (string) ($_GET['number'] ?? '')]), request('GET'));
    case 'call':
        $asked = body();
        $call = json_encode(['target' => $asked['target']]);
        hand_on('/api/v1/calls', request('POST', ["Idempotency-Key: {$asked['key']}"], $call));
    case 'save':
        $asked = body();
        $contact = json_encode(['name' => $asked['name'], 'numbers' => [$asked['number']]]);
        hand_on('/api/v1/contacts', request('POST', ["Idempotency-Key: {$asked['key']}"], $contact));
    case 'webhook':
        $text = file_get_contents('php://input');
        is_pbxds(getenv('SECRET'), $_SERVER, $text) || exit(http_response_code(401));
        $heard = fopen(getenv('HEARD'), 'c+');
        flock($heard, LOCK_EX);
        if (!str_contains(stream_get_contents($heard), $_SERVER['HTTP_WEBHOOK_ID'] . ' ')) { // a message may come twice
            fwrite($heard, $_SERVER['HTTP_WEBHOOK_ID'] . " $text\n");
        }
        exit(http_response_code(204));
}
$nonce = bin2hex(random_bytes(16));
header("Content-Security-Policy: default-src 'none'; connect-src 'self'; script-src 'nonce-$nonce'");
?>
<!doctype html>
<meta charset="utf-8">
<title>Calls</title>
<p id="card" role="status">Nobody calls.</p>
<form data-do="call"><input name="target" aria-label="Number" required> <button>Call</button></form>
<form data-do="save"><input name="name" aria-label="Name" required> <input name="number" aria-label="Number" required> <button>Save</button></form>
<p id="answer" role="status"></p>
<script nonce="<?= $nonce ?>">
const show = (id, text) => { document.getElementById(id).textContent = text; };
new EventSource('?do=events').addEventListener('call.ringing', async (event) => {
    const number = JSON.parse(event.data).data.caller.number;
    if (!number) return show('card', 'A withheld number calls.');
    show('card', number);
    const found = await (await fetch('?do=cards&number=' + encodeURIComponent(number))).json();
    show('card', number + ' ' + found.items.map((card) => `${card.name} ${card.company}`).join(', '));
});
let key = '<?= bin2hex(random_bytes(16)) ?>', done = 0;
for (const form of document.forms) form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = JSON.stringify({...Object.fromEntries(new FormData(form)), key: `${key}-${done}`});
    const answer = await fetch('?do=' + form.dataset.do, {method: 'POST', headers: {'Content-Type': 'application/json'}, body});
    if (answer.ok) done++; // until then the key stays, so that a second click does nothing twice
    show('answer', answer.ok ? 'Done.' : (await answer.json()).detail);
});
</script>
