//! What a device remembers after it was enrolled, and after the bridge's key was rotated.

use crate::SECOND;
use crate::support::{Bridge, Door, Keys, Right, Running, Setup};
use giaoban_client::meeting::Meeting;
use giaoban_client::memory::{self, Kept};
use giaoban_proto::testing::{VirtualNet, run};
use giaoban_proto::transport::{Identity, Pins};
use giaoban_proto::wire::{SiteRole, VERSION, Welcome};
use tokio::time::sleep;

/// Joins as set up, and is welcomed with word of this spare key; what was to be remembered, and the code it showed.
async fn join(net: &VirtualNet, keys: &Keys, setup: Setup, spare: &Identity) -> (Pins, Vec<u8>) {
    let bridge = Bridge::start(net, keys, 1, Door::Mute);
    let client = Running::start(net, setup);
    sleep(SECOND).await;
    let (role, spare) = (SiteRole::Participant.code(), spare.fingerprint().as_bytes().to_vec());
    bridge.tell(Welcome { version: VERSION, member: 7, role, spare, ..Welcome::default() });
    sleep(SECOND).await;
    let (_, ears) = client.stop().await;
    let pins = ears.remembered.lock().unwrap()[..].to_vec();
    let code = bridge.log.lock().unwrap().hellos[0].code.clone();
    assert_eq!(pins.len(), 1, "once for each welcome");
    (pins[0], code)
}

#[test]
fn an_enrolled_device_comes_again_by_its_memory_alone_and_follows_the_bridge_to_its_spare_key() {
    run(async {
        let home = tempfile::tempdir().unwrap();
        let path = memory::place(&home.path().join("device.key"));
        let (first, second, third) = (Keys::new(), Keys::new(), Identity::generate().unwrap());
        let invited = Setup { right: Right::Invited, ..Setup::new(&first) };
        let meeting = invited.meeting();
        let (pins, code) = join(&VirtualNet::new(51), &first, invited, &second.identity).await;
        assert_eq!(code, [9; 16]);
        assert_eq!(memory::keep(&path, &meeting, pins).unwrap(), Kept::Meeting);

        // The key was lost meanwhile: the spare answers, and there is a new one.
        let remembered = Meeting::for_device(memory::read(&path).unwrap().unwrap());
        let again = Setup { elsewhere: Some(remembered.clone()), ..Setup::new(&first) };
        let (pins, code) = join(&VirtualNet::new(52), &second, again, &third).await;
        assert!(code.is_empty(), "the invitation is not kept");
        assert_eq!(pins, Pins { key: second.identity.fingerprint(), spare: Some(third.fingerprint()) });
        assert_eq!(memory::keep(&path, &remembered, pins).unwrap(), Kept::Keys);
        assert_eq!(Pins::from(&memory::read(&path).unwrap().unwrap()), pins);
    });
}
