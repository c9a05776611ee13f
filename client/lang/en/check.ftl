# The check of a line.

check-trickle = round trip and jitter
check-up = sending { $rate }
check-down = receiving
check-asking = asking the bridge what it received
check-progress = checking the line, { $percent } %: { $doing } …
check-talk = this line is good enough to talk and to listen
check-listen = this line is good enough to listen only: others may not understand you
check-not-now = this line will not do for a meeting as it is now
check-to-bridge = to the bridge
check-from-bridge = from the bridge
check-in-a-row = , { $burst } in a row on average
check-direction = { $name }: { $rate }, { $loss } % lost{ $row }, jitter { $jitter } ms
check-rest = round trip { $round } ms; this check used { $megabytes } MB
check-refused = not checked: { $why }
check-no-answer = no answer: { $why }
check-at-least = at least { $rate }
check-good = rate, loss and round trip are all within what speech needs
check-silent = the line fell silent during the check; check the network cable or Wi-Fi, move the antenna, then check again
check-down-rate = only { $rate } arrive from the bridge, speech needs 8 to be heard and 12 to take part; close what else uses this line, then check again
check-down-loss = { $loss } of what the bridge sends is lost; move the antenna or use a cable, then check again
check-up-rate = only { $rate } reach the bridge, speech needs 12; close what else uses this line, then check again
check-up-loss = { $loss } of what is sent is lost; move the antenna or use a cable, then check again
check-slow = it takes { $round } ms there and back, over 1500 people talk into each other; close what else uses this line, or use another one
