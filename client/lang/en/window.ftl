# What stands in the window, in English. One message a line; the other language has the same keys.

# The start
welcome = Join the meeting
remembered = The meeting of this computer:
by-link = By a link
by-pin = By address and PIN
paste-link = Paste the link of your invitation, or the path of its file
address = Address
room = Room
pin = PIN
pin-hint = 8 to 16 digits
your-name = Your name
name-hint = as the others will see it
join = Join
check-sound = Check the sound
settings = Settings
wrong-no-link = Paste the link first. It begins with giaoban://
wrong-link = This is not a whole link. Copy all of it, from giaoban:// to the end.
wrong-address = There is no such address. It looks like hop.huyen.vn or 10.0.0.1
wrong-room = No room can have this name.
wrong-pin = A PIN has 8 to 16 digits.
wrong-name = The name is too long.
join-room = Join room { $room }

# The sound check
sound-tone = Playing a tone …
sound-tone-text = This checks the loudspeaker and microphone of this computer.
sound-ask-tone = Did you hear the tone?
sound-ask-tone-text = If not, turn the loudspeaker up or choose another one.
sound-speak = Now speak for a few seconds …
sound-speak-text = The bar moves while the microphone hears you.
sound-deaf = The microphone heard nothing
sound-deaf-text = Check its plug and its switch, or choose another one.
sound-playback = This is what it heard …
sound-playback-text = Listen to your own words.
sound-ask-voice = Did you hear yourself well?
sound-ask-voice-text = This was this computer alone; the line to the bridge shows in the meeting.
sound-broken = The sound does not work
yes-heard = Yes
no-again = No, once more
once-more = Once more
go-on = Go on all the same
skip = Skip this
default-device = As the system chooses

# The line
line-connecting = Connecting …
line-waiting = Waiting to be let in
line-good = Good
line-weak = Weak: words may be lost
line-slow = Slow: answers come late
line-lost = Connection lost, reconnecting …
line-details = Press for the figures
cost = { $mb } MB
cost-of = { $mb } of { $max } MB
recording = RECORDING
recording-paused = recording paused
recording-failed = RECORDING FAILED

# Who speaks
speaks-now = Speaking now
speaks-own = You have the floor
speaks-left = Speaking now, { $left } left
speaks-somebody = Somebody is speaking
speaks-nobody = Nobody is speaking
speaks-more = { $name } and { $count } others
has-floor = { $name } has the floor

# The microphone
mic-live = MICROPHONE ON
mic-live-text = Everybody hears you. Press, or M, to switch it off.
mic-held = MICROPHONE ON
mic-held-text = Everybody hears you for as long as you hold the space bar.
mic-off = MICROPHONE OFF
mic-off-text = Nobody hears you. Press, or M, to speak; or hold the space bar.
mic-no-floor = NOT YOUR TURN
mic-silenced = SILENCED
mic-listener = YOU LISTEN
mic-no-floor-text = Nobody hears you until you are given the floor.
mic-silenced-text = The operator has silenced you. Nobody hears you.
mic-listener-text = You are here to listen. Nobody hears you.
mic-then-on = The microphone will be on then.
mic-then-off = The microphone will still be off then.
mic-missing = NO MICROPHONE
mic-missing-text = Check its plug. It is looked for again by itself.
mic-away = NOT IN THE MEETING
mic-away-text = Nobody hears you. This computer connects by itself.
mic-waiting-text = The operator has to let you in. Nobody hears you yet.
microphone = Microphone
loudspeaker = Loudspeaker

# The hand
hand-raise = Raise hand
hand-lower = Lower hand
hand-place = You are number { $place } in the queue
hand-first = You are next
hand-asked = Asking …

# What cannot be missed
roll = ROLL CALL
roll-text = Are you here? { $left } left to answer
roll-here = Here
counted = You are counted as present
yours = YOU HAVE THE FLOOR
yours-text = Speak.
yours-left = Speak. { $left } left.
yours-muted = Your microphone is off: switch it on, then speak.
mic-on = Switch on
ending = { $left } left
ending-text = Please come to the end.
gone = Your turn is over
gone-text = Nobody hears you any more.
unheard = Nobody hears you!
unheard-muted = You are talking, and your microphone is off.
unheard-floor = You do not have the floor. Raise your hand first.
unheard-silenced = The operator has silenced you.
unheard-listener = You are here to listen.
no-loudspeaker = No loudspeaker
lowered = Your hand is down
not-taken = The bridge did not take it
not-taken-text = Try again in a moment.
spent = The data of this meeting is used up
spent-text = It goes on at the lowest rate. To spend no more, leave.
understood = I see
other-link = A link to another meeting was opened
other-link-text = Leave this meeting and go there?
other-link-go = Go there

# Lists
people = Here: { $count }
messages = Messages
message = Message
no-messages = No messages yet
to-operators = { $name } (to operators)
write = Write to everybody
send = Send
talk = Talk
log = What happened
you = { $name } (you)

# The operator
lobby = Waiting to be let in
guest-waits = waits
site-acts = Acts for the chosen site
room-acts = Acts for the meeting
hands = Hands: { $names }
trouble = In trouble: { $count }
roll-stands = Roll call: { $here } of { $of }
no-operator = NO OPERATOR
yes = Yes
no = No
typed-wrong = That cannot be. Mend it or press Esc.

# Figures
figures = Figures
fig-trip = Round trip
fig-delay = Sound waits for
fig-lost = Lost on the way here
fig-repaired = of those, made good
fig-concealed = Sound that was guessed
fig-up-loss = Lost on the way out
fig-up = Sent
fig-down = Received
fig-mb = This meeting has cost
fig-path = The way
fig-reconnects = Connections made anew
ms = { $number } ms
seconds = { $number } s
percent = { $number } %
kbps = { $number } kbit/s
bytes = { $number } MB
path-udp = UDP
path-tcp = TCP, since UDP is blocked

# Keys
keys = Keys
key-space = Talk while it is held
key-m = Microphone on or off
key-h = Raise or lower the hand
key-enter = Answer what is asked at the top (roll call)
key-n = Write a message
key-i = Figures of the line
key-s = Settings
key-tab = To the next button; space or Enter presses it
key-esc = Back
key-desk = In the table of sites, the letter on each button presses it, and arrows choose a site.
space = space bar

# The end
leave = Leave
left = You have left the meeting
ended = The meeting has ended
refused = You are not admitted
not-reachable = The bridge does not answer
tries-again = It is tried again by itself.
failed = Something went wrong
join-again = Join again
other-meeting = Another meeting
close = Close

# Settings
scheme = Colours
scheme-system = As the system
scheme-light = Light
scheme-dark = Dark
autostart = Start together with the computer
about = About this program
about-text = Meetings by voice for bad lines. Free software under the MIT or Apache-2.0 licence.
about-font = The letters are Noto Sans, Copyright Google LLC, under the SIL Open Font License 1.1. The window is drawn by:
