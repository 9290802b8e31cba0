//! Standing permissions on both databases: a link counts once, for one wallet, and the ledger is right.

use std::collections::HashSet;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::on_both;
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::{
    AnsweredLink, LinkUsed, MerchantTree, Named, NamedPermission, OwnerId, Reconciled, Registry,
    Seed,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const MERCHANT: MerchantId = MerchantId(7);
const SORA: WalletId = WalletId(1);
const RIKU: WalletId = WalletId(2);

/// A ledger that names these permissions of Sora, and nothing else.
struct Ledger(Vec<AuthorizationId>);

impl Named for Ledger {
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        Ok(vec![None; credentials.len()])
    }
    fn device_of(&mut self, _: TillId) -> Result<Option<Fingerprint>, Fault> {
        Ok(None)
    }
    fn merchant_of_key(&mut self, _: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        Ok(None)
    }
    fn merchant_tree(&mut self) -> Result<MerchantTree, Fault> {
        Ok(MerchantTree::default())
    }
    fn are_permissions(&mut self, permissions: &[AuthorizationId]) -> Result<Vec<bool>, Fault> {
        Ok(permissions.iter().map(|id| self.0.contains(id)).collect())
    }
    fn permissions_beyond(
        &mut self,
        known: HashSet<AuthorizationId>,
        wallets: HashSet<WalletId>,
        max: usize,
    ) -> Result<Vec<NamedPermission>, Fault> {
        assert!(wallets.contains(&SORA));
        let unknown = self.0.iter().filter(|id| !known.contains(id));
        let row = |permission: &AuthorizationId| NamedPermission {
            permission: *permission,
            wallet: SORA,
            merchant: MERCHANT,
        };
        Ok(unknown.map(row).take(max).collect())
    }
}

fn link(nonce: u8, wallet: WalletId, reference: &str) -> AnsweredLink<'_> {
    AnsweredLink {
        merchant: MERCHANT,
        nonce_hash: [nonce; 32],
        wallet,
        reference,
        scopes: "direct_debit",
        ends_at: NOW.plus_seconds(600),
    }
}

#[test]
fn a_link_is_answered_by_one_wallet_and_its_permission_lives_as_long_as_the_ledger_names_it() {
    on_both(|location| {
        let mut registry =
            Registry::open(location, &MasterKey::from_bytes([1; 32])).expect("the registry opens");
        registry
            .people()
            .name_wallet(OwnerId([1; 16]), SORA, "Sora", NOW, &Seed::new([1; 32]))
            .expect("a person");
        let (first, other) = (AuthorizationId(1), AuthorizationId(2));
        let begin = |registry: &mut Registry, link: AnsweredLink, fresh| {
            let nonce = [link.nonce_hash[0]; 12];
            registry
                .permissions()
                .begin(&link, fresh, NOW, nonce)
                .unwrap()
        };
        assert_eq!(begin(&mut registry, link(1, SORA, "a"), first), Ok(first));
        assert_eq!(
            begin(&mut registry, link(1, SORA, "a"), other),
            Ok(first),
            "the retry"
        );
        assert_eq!(
            begin(&mut registry, link(1, RIKU, "a"), other),
            Err(LinkUsed)
        );
        assert!(
            !registry
                .permissions()
                .may_answer(MERCHANT, &[1; 32], RIKU)
                .unwrap()
        );
        assert_eq!(
            begin(&mut registry, link(2, SORA, "b"), other),
            Ok(first),
            "one a merchant"
        );
        registry.permissions().finish(first).unwrap();
        assert_eq!(
            registry.permissions().references(first).unwrap(),
            ["a", "b"]
        );
        assert_eq!(
            registry
                .permissions()
                .decline(&link(1, SORA, ""), NOW)
                .unwrap(),
            Err(LinkUsed)
        );
        assert_eq!(
            registry
                .permissions()
                .decline(&link(3, RIKU, ""), NOW)
                .unwrap(),
            Ok(())
        );
        assert_eq!(
            registry
                .permissions()
                .decline(&link(3, RIKU, ""), NOW)
                .unwrap(),
            Ok(())
        );
        assert_eq!(
            begin(&mut registry, link(3, RIKU, "c"), other),
            Err(LinkUsed)
        );
        // A no is forgotten once its link has run out.
        let settled = registry
            .permissions()
            .settle(&mut Ledger(vec![first]), NOW.plus_seconds(601));
        assert_eq!(settled.unwrap(), Reconciled::default());
        assert!(
            registry
                .permissions()
                .may_answer(MERCHANT, &[3; 32], RIKU)
                .unwrap()
        );

        registry.permissions().end(first, Some(NOW)).unwrap();
        assert_eq!(registry.permissions().of_wallet(SORA).unwrap(), []);
        assert!(registry.permissions().references(first).unwrap().is_empty());
        assert!(
            !registry
                .permissions()
                .may_answer(MERCHANT, &[1; 32], SORA)
                .unwrap()
        );
        // The ledger still names it, and one more: both come back.
        let taken = registry.reconcile(&mut Ledger(vec![first, other]));
        assert_eq!(
            (
                taken.unwrap().finished,
                registry.permissions().of_wallet(SORA).unwrap().len()
            ),
            (2, 2)
        );
        let ended = registry.reconcile(&mut Ledger(vec![first]));
        assert_eq!(
            (
                ended.unwrap().dead,
                registry.permissions().of_wallet(SORA).unwrap().len()
            ),
            (1, 1)
        );
    });
}
