"""What each scheme of repair leaves missing on `storm`, by a small model. Needs nothing but Python 3.

Two lines of 24 kbit/s, 200 ms each way, each losing 30 % in bursts of 3 packets (Gilbert, one draw a packet, as
`proto/src/testing/link.rs`). A listener that waits `wait` ms beyond the fastest packet asks every `ask` ms for all that
it misses; the sender answers at once, and again when a round trip and `slack` have passed since it last sent that packet;
where no further round fits, `last` times, `apart` ms after each other. `unasked` > 0: what the line has left goes into a
second sending so many packets later. `copy` > 0: each packet carries the one so many before it. A packet is
53 B + 1 + what the codec makes of 120 ms.
"""
import heapq
import random


class Line:
    def __init__(self, rng, kbps=24, way=200, p=0.3, mean=3):
        self.rng, self.kbps, self.way = rng, kbps, way
        self.leave = 1 / mean
        self.enter = self.leave * p / (1 - p)
        self.bad, self.busy, self.bytes = rng.random() < p, 0.0, 0

    def send(self, t, size):
        lost, draw = self.bad, self.rng.random()
        self.bad = draw >= self.leave if lost else draw < self.enter
        self.busy = max(self.busy, t) + size * 8 / self.kbps
        self.bytes += size
        return None if lost else self.busy + self.way


def run(seed, codec, ms=600_000, length=120, copy=0, ask=40, apart=150, wait=1500, slack=60, last=2, first=1,
        unasked=0, stands=60):
    rng = random.Random(seed)
    down, up = Line(rng), Line(rng)
    way, round_trip, body = down.way, 2 * down.way, codec * length / 8000
    size, answer = int(54 + body + (3 + body if copy else 0)), int(54 + body)
    count, fastest = ms // length, size * 8 / down.kbps + way
    due = lambda k: k * length + fastest + wait
    came, expected, again, second, arriving, asks, answered = {}, {}, [], [], [], [], {}
    asked_at, number, n, newest, newest_at, t = -1e9, 0, 0, -1, 0, 0
    while t < ms + 2500:
        while n < count and n * length <= t:
            arrival = down.send(t, size)
            expected[n] = down.busy + way
            if arrival:
                heapq.heappush(arriving, (arrival, n))
                if copy and n >= copy:
                    heapq.heappush(arriving, (arrival, n - copy))
            if unasked:
                second.append((t + unasked * length, n))
            n += 1
        while arriving and arriving[0][0] <= t:
            arrival, k = heapq.heappop(arriving)
            came.setdefault(k, arrival)
            if k > newest:
                newest, newest_at = k, t
        overdue = int((t - newest_at - 50) / length) if newest >= 0 else 0
        top = min(count - 1, newest + min(max(overdue, 0), 8))
        low = max(0, int((t - fastest - wait - length) / length))
        missing = [k for k in range(low, top + 1 - copy) if k not in came and t + round_trip <= due(k) + 60]
        if missing and t >= asked_at + ask:
            asked_at, number = t, number + 1
            arrival = up.send(t, 57)
            if arrival:
                heapq.heappush(asks, (arrival, number, missing))
        while asks and asks[0][0] <= t:
            for k in heapq.heappop(asks)[2]:
                waits = any(waiting == k for _, waiting, _ in again)
                if waits or t < expected[k] + way + (slack if answered.get(k) or not copy else 0):
                    continue
                more = t + 120 + answer * 16 / down.kbps + round_trip + slack <= due(k) - way
                answered[k] = True
                again += [(t + i * apart, k, i > 0) for i in range(first if more else last)]
        again.sort(key=lambda entry: (entry[2], entry[1]))
        for entry in list(again):
            at, k, _ = entry
            if t + way > due(k):
                again.remove(entry)
            elif at <= t and down.busy - t <= stands:
                arrival = down.send(t, answer)
                expected[k] = down.busy + way
                if arrival:
                    heapq.heappush(arriving, (arrival, k))
                again.remove(entry)
        while second and second[0][0] + 250 < t:
            second.pop(0)
        if second and second[0][0] <= t and down.busy - t <= 10:
            k = second.pop(0)[1]
            arrival = down.send(t, answer)
            expected[k] = down.busy + way
            if arrival:
                heapq.heappush(arriving, (arrival, k))
        t += 5
    late = sum(came.get(k, 1e18) > due(k) for k in range(20, count - 20))
    never = sum(k not in came for k in range(20, count - 20))
    share = lambda packets: 100 * packets / (count - 40)
    return share(late), share(never), down.bytes * 8 / ms, up.bytes * 8 / ms


if __name__ == "__main__":
    print("missing: not there in time, % of packets; never: not there at all; means of seeds 1 to 4, ten minutes each")
    cases = [(f"asking, codec {c / 1000}", dict(codec=c)) for c in (7900, 8800, 9900)]
    cases += [(f"the same and unasked, codec {c / 1000}", dict(codec=c, unasked=2)) for c in (7900, 8800, 9900)]
    cases += [(f"copy {d} back, then asking, codec {c / 1000}", dict(codec=c, copy=d)) for d in (3, 4) for c in (6600, 7200)]
    base = dict(codec=8800, unasked=2)
    cases += [(f"8.8, unasked: {name}", base | other) for name, other in {
        "asked every 20 ms": dict(ask=20), "asked every 60 ms": dict(ask=60), "asked every 120 ms": dict(ask=120),
        "first answer twice too": dict(first=2), "last answer once": dict(last=1), "last answer three times": dict(last=3),
        "packets of 60 ms": dict(length=60, unasked=4), "packets of 240 ms": dict(length=240, unasked=1),
        "waits 1.7 s": dict(wait=1700), "waits 1.9 s": dict(wait=1900), "unasked 4 later": dict(unasked=4),
    }.items()]
    for name, given in cases:
        runs = [run(seed, **given) for seed in range(1, 5)]
        missing, never, down, up = (sum(values) / len(runs) for values in zip(*runs))
        print(f"{name:44} missing {missing:4.1f}  never {never:4.1f}  down {down:4.1f}  up {up:4.1f} kbit/s", flush=True)
