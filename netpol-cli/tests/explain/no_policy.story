$ flows explain --manifests manifests/world.yaml --from ci/build --to prod/db --port 5432
✓ ALLOWED  ci/build → prod/db  TCP port 5432

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it

Ingress of prod/db: ALLOWED, no policy isolates it
exit 0
