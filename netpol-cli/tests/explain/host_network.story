$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/agent --to prod/db --port 5432
✗ DENIED  prod/agent → prod/db  TCP port 5432

  from  prod/agent: pod with hostNetwork; labels app=agent; labels of namespace prod team=shop; node
        n2; 192.168.0.2
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/agent: ALLOWED, no policy applies to a pod with hostNetwork

Ingress of prod/db: DENIED, no rule admits prod/agent
  NetworkPolicy  2 policies select it, and none allows prod/agent
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✗ prod/restrict-traffic  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants every pod of namespaces team=database, but prod/agent has hostNetwork,
                   which no selector matches
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but prod/agent is
                   192.168.0.2
        ✓ ports[0]  TCP port 5432
          manifests/policies.yaml:19  - from:
          manifests/policies.yaml:20    - namespaceSelector: {matchLabels: {team: database}}
          manifests/policies.yaml:21    - ipBlock:
          manifests/policies.yaml:22        cidr: 203.0.113.0/24
          manifests/policies.yaml:23        except: [203.0.113.128/25]
          manifests/policies.yaml:24    ports:
          manifests/policies.yaml:25    - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants pods app=web of namespace prod, but prod/agent has hostNetwork, which no
                   selector matches
        ✓ ports[0]  TCP port named sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)

What would allow it
  • add address in 192.168.0.2/32 to ingress[0].from of prod/restrict-traffic

Caveats
  • A pod with hostNetwork takes part. The specification leaves open how policies treat it; here it
    counts as its node, and no policy applies to it.
    host-network
exit 1

$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/agent --to prod/web --port 80
✓ ALLOWED  prod/agent → prod/web  TCP port 80

  from  prod/agent: pod with hostNetwork; labels app=agent; labels of namespace prod team=shop; node
        n2; 192.168.0.2
  to    prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6

Egress of prod/agent: ALLOWED, no policy applies to a pod with hostNetwork

Ingress of prod/web: ALLOWED, traffic between a pod and its own node always is

Caveats
  • A pod with hostNetwork takes part. The specification leaves open how policies treat it; here it
    counts as its node, and no policy applies to it.
    host-network
exit 0
